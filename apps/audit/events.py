"""The event registry (spec 06). What is not listed here cannot be recorded."""

from enum import StrEnum


class Category(StrEnum):
    """What the audit log's category filter offers."""

    SIGN_IN = "sign_in", "Sign-in"
    MEMBERS = "members", "Members"
    MODELS = "models", "Models"
    CONNECTIONS = "connections", "Connections"
    AUTHORIZATION_PROFILES = "authorization_profiles", "Authorization profiles"
    API_APPS = "api_apps", "API apps"
    BEDROCK_ROLES = "bedrock_roles", "Bedrock roles"
    PROMPTS = "prompts", "Prompts"
    BUDGETS = "budgets", "Budgets"
    WORKSPACE = "workspace", "Workspace"
    AUDIT = "audit", "Audit"
    PLATFORM = "platform", "Platform"

    label: str

    def __new__(cls, value: str, label: str) -> "Category":
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class Event(StrEnum):
    """Every event: its stored name, its category, its label. Names are kept for ever; labels may be reworded."""

    SIGNED_IN = "sign_in.signed_in", Category.SIGN_IN, "Signed in"
    SIGNED_OUT = "sign_in.signed_out", Category.SIGN_IN, "Signed out"
    SIGN_IN_FAILED = "sign_in.failed", Category.SIGN_IN, "Sign-in failed"
    SECOND_FACTOR_ADDED = "sign_in.second_factor_added", Category.SIGN_IN, "Second factor added"
    SECOND_FACTOR_REMOVED = "sign_in.second_factor_removed", Category.SIGN_IN, "Second factor removed"
    PASSWORD_CHANGED = "sign_in.password_changed", Category.SIGN_IN, "Password changed"
    SESSIONS_ENDED = "sign_in.sessions_ended", Category.SIGN_IN, "Sessions ended"

    USER_CREATED = "member.user_created", Category.MEMBERS, "User created"
    USER_UPDATED = "member.user_updated", Category.MEMBERS, "User updated"
    MEMBER_INVITED = "member.invited", Category.MEMBERS, "Member invited"
    MEMBER_ADDED = "member.added", Category.MEMBERS, "Member added"
    MEMBER_JOINED = "member.joined", Category.MEMBERS, "Member joined"
    MEMBER_ROLE_CHANGED = "member.role_changed", Category.MEMBERS, "Member's role changed"
    MEMBER_REMOVED = "member.removed", Category.MEMBERS, "Member removed"

    MODEL_ADDED = "model.added", Category.MODELS, "Model added"
    MODEL_UPDATED = "model.updated", Category.MODELS, "Model updated"
    MODEL_COPIED = "model.copied", Category.MODELS, "Model copied"
    MODEL_ACTIVATED = "model.activated", Category.MODELS, "Model activated"
    MODEL_ACTIVATED_WITHOUT_TEST = "model.activated_without_test", Category.MODELS, "Model activated without a test"
    MODEL_SAVED_AS_DRAFT = "model.saved_as_draft", Category.MODELS, "Model saved as draft"
    MODEL_DELETED = "model.deleted", Category.MODELS, "Model deleted"
    MODEL_INFERENCING_SWITCHED = "model.inferencing_switched", Category.MODELS, "Model's inferencing switched"
    MODEL_TESTED = "model.tested", Category.MODELS, "Model tested"

    CONNECTION_ADDED = "connection.added", Category.CONNECTIONS, "Connection added"
    CONNECTION_UPDATED = "connection.updated", Category.CONNECTIONS, "Connection updated"
    CONNECTION_CREDENTIALS_REPLACED = "connection.credentials_replaced", Category.CONNECTIONS, "Connection's credentials replaced"
    CONNECTION_ROTATED = "connection.rotated", Category.CONNECTIONS, "Connection rotated"
    CONNECTION_INFERENCING_SWITCHED = "connection.inferencing_switched", Category.CONNECTIONS, "Connection's inferencing switched"
    CONNECTION_TESTED = "connection.tested", Category.CONNECTIONS, "Connection tested"
    CONNECTION_KEY_LOOKED_UP = "connection.key_looked_up", Category.CONNECTIONS, "Key looked up"
    CONNECTION_DELETED = "connection.deleted", Category.CONNECTIONS, "Connection deleted"

    AUTHORIZATION_PROFILE_CREATED = "authorization_profile.created", Category.AUTHORIZATION_PROFILES, "Authorization profile created"
    AUTHORIZATION_PROFILE_UPDATED = "authorization_profile.updated", Category.AUTHORIZATION_PROFILES, "Authorization profile updated"
    AUTHORIZATION_PROFILE_TESTED = "authorization_profile.tested", Category.AUTHORIZATION_PROFILES, "Authorization profile tested"
    AUTHORIZATION_PROFILE_DELETED = "authorization_profile.deleted", Category.AUTHORIZATION_PROFILES, "Authorization profile deleted"
    AUTHORIZATION_PROFILE_REFRESH_FAILED = (
        "authorization_profile.refresh_failed",
        Category.AUTHORIZATION_PROFILES,
        "Authorization profile failed to refresh",
    )

    API_APP_CREATED = "api_app.created", Category.API_APPS, "API app created"
    API_APP_UPDATED = "api_app.updated", Category.API_APPS, "API app updated"
    API_APP_DELETED = "api_app.deleted", Category.API_APPS, "API app deleted"
    API_KEY_CREATED = "api_app.key_created", Category.API_APPS, "API key created"
    API_KEY_UPDATED = "api_app.key_updated", Category.API_APPS, "API key updated"
    API_KEY_REVOKED = "api_app.key_revoked", Category.API_APPS, "API key revoked"

    BEDROCK_ROLE_REQUESTED = "bedrock_role.registration_requested", Category.BEDROCK_ROLES, "Bedrock role registration requested"
    BEDROCK_ROLE_REGISTERED = "bedrock_role.registered", Category.BEDROCK_ROLES, "Bedrock role registered"
    BEDROCK_ROLE_REFUSED = "bedrock_role.refused", Category.BEDROCK_ROLES, "Bedrock role refused"

    PROMPT_CREATED = "prompt.created", Category.PROMPTS, "Prompt created"
    PROMPT_VERSION_SAVED = "prompt.version_saved", Category.PROMPTS, "Prompt version saved"
    PROMPT_RESTORED = "prompt.restored", Category.PROMPTS, "Prompt restored"
    PROMPT_RENAMED = "prompt.renamed", Category.PROMPTS, "Prompt renamed"
    PROMPT_DELETED = "prompt.deleted", Category.PROMPTS, "Prompt deleted"

    BUDGET_SET = "budget.set", Category.BUDGETS, "Budget set"
    BUDGET_ALERT_SENT = "budget.alert_sent", Category.BUDGETS, "Budget alert sent"
    BUDGET_REACHED = "budget.reached", Category.BUDGETS, "Budget reached"

    WORKSPACE_CREATED = "workspace.created", Category.WORKSPACE, "Workspace created"
    WORKSPACE_RENAMED = "workspace.renamed", Category.WORKSPACE, "Workspace renamed"
    WORKSPACE_SETTINGS_CHANGED = "workspace.settings_changed", Category.WORKSPACE, "Workspace settings changed"
    WORKSPACE_EXPORTED = "workspace.exported", Category.WORKSPACE, "Workspace exported"
    WORKSPACE_IMPORTED = "workspace.imported", Category.WORKSPACE, "Workspace imported"
    TRACES_EXPORTED = "workspace.traces_exported", Category.WORKSPACE, "Traces exported"

    AUDIT_READ = "audit.read", Category.AUDIT, "Audit log read"
    AUDIT_EXPORTED = "audit.exported", Category.AUDIT, "Audit log exported"
    AUDIT_VERIFIED = "audit.verified", Category.AUDIT, "Audit log verified"
    AUDIT_VERIFICATION_FAILED = "audit.verification_failed", Category.AUDIT, "Audit log verification failed"

    SYSTEM_MODEL_ADDED = "system_model.added", Category.PLATFORM, "System model added"
    SYSTEM_MODEL_UPDATED = "system_model.updated", Category.PLATFORM, "System model updated"
    SYSTEM_MODEL_DELETED = "system_model.deleted", Category.PLATFORM, "System model deleted"
    EGRESS_RULE_ADDED = "egress.rule_added", Category.PLATFORM, "Egress rule added"
    EGRESS_RULE_ENDED = "egress.rule_ended", Category.PLATFORM, "Egress rule ended"
    EGRESS_REFUSED = "egress.refused", Category.PLATFORM, "Call out refused by an egress rule"
    CATALOG_UPDATED = "catalog.updated", Category.PLATFORM, "Catalogue updated"
    SECRETS_ROTATED = "secrets.rotated", Category.PLATFORM, "Secrets rotated"

    category: Category
    label: str

    def __new__(cls, value: str, category: Category, label: str) -> "Event":
        member = str.__new__(cls, value)
        member._value_ = value
        member.category = category
        member.label = label
        return member


_BY_NAME = {event.value: event for event in Event}


def known_event(name: str) -> Event:
    """The event with this stored name; raises ValueError for one that is not registered."""
    if name not in _BY_NAME:
        raise ValueError(f"{name!r} is not in the event registry, apps/audit/events.py.")
    return _BY_NAME[name]


def label_of(name: str) -> str:
    """The event as people read it; the stored name for one that this release no longer knows."""
    return _BY_NAME[name].label if name in _BY_NAME else name
