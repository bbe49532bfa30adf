"""Forms in the look of the design: ``{{ field.as_field_group }}`` renders components/field.html.

``Renderer`` is settings.FORM_RENDERER, so that every form of the product and of third parties gets it without asking.
"""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting
from django.forms.widgets import Input, Widget

# What each kind of control is called in components.css. Order matters: Textarea and Select are not Inputs, checkboxes are.
_CLASSES: tuple[tuple[type[Widget], str], ...] = (
    (forms.CheckboxInput, ""),
    (forms.FileInput, ""),
    (forms.HiddenInput, ""),
    (forms.RadioSelect, ""),
    (forms.Textarea, "textarea"),
    (forms.Select, "select"),
    (Input, "input"),
)


def control_class(widget: Widget) -> str:
    return next((name for kind, name in _CLASSES if isinstance(widget, kind)), "")


class BoundField(forms.BoundField):
    """Adds the design's class, and names the error before the help for screen readers."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: Widget | None = None) -> dict[str, Any]:
        widget = widget or self.field.widget
        attrs = super().build_widget_attrs(attrs, widget)
        own = f"{attrs.get('class', '')} {widget.attrs.get('class', '')}".split()
        classes = [name for name in [control_class(widget), *own] if name]
        if classes:
            attrs["class"] = " ".join(dict.fromkeys(classes))
        return attrs

    @property
    def error_id(self) -> str:
        return f"{self.auto_id}_error"

    @property
    def help_id(self) -> str:
        return f"{self.auto_id}_helptext"

    @property
    def aria_describedby(self) -> str | None:
        given: str | None = self.field.widget.attrs.get("aria-describedby")
        if given or not self.auto_id or self.is_hidden:
            return given
        ids = [self.error_id] if self.errors else []
        if self.help_text:
            ids.append(self.help_id)
        return " ".join(ids) or None


def number_input(mode: str, **attrs: str) -> forms.TextInput:
    """For a number. Not of the type number, from which browsers send nothing where they cannot read it: a limit with a slip would be none.

    `mode` is the keyboard of phones, "numeric" or "decimal".
    """
    return forms.TextInput(attrs={"inputmode": mode, "autocomplete": "off"} | attrs)


class Renderer(TemplatesSetting):
    field_template_name = "components/field.html"
    bound_field_class = BoundField
