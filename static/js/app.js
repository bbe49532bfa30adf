/* Everything here is an enhancement: each control is a link, a form or a native element (dialog, popover, details) that
   works without it. Behaviours listen on the document and find their elements by data attributes, so content that htmx
   swaps in works at once. No eval, no inline handlers, no style attributes: safe under script-src 'self'; style-src 'self'. */
import "./build.js";
import "./busy.js";
import "./conditions.js";
import "./confirm_name.js";
import "./copy.js";
import "./dialog.js";
import "./editor.js";
import "./export.js";
import "./features.js";
import "./filters.js";
import "./focus.js";
import "./gone.js";
import "./lane.js";
import "./live.js";
import "./menu.js";
import "./newest.js";
import "./patch.js";
import "./reveal.js";
import "./rows.js";
import "./shortcuts.js";
import "./tabs.js";
import "./toast.js";
import "./typed.js";
import "./unreadable.js";
