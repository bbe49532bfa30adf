"""Where the buttons of an integration page post to, by URL name: the parts of the page stand on other pages too (Amazon Bedrock)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PageUrls:
    """URL names, each taking the workspace's slug; the defaults are those of *Custom API integration*."""

    save: str = "onboarding:save"
    sample: str = "onboarding:sample"
    test: str = "onboarding:test"
    preview: str = "onboarding:preview"
    pick: str = "onboarding:pick"
    address: str = "onboarding:address"
    variable_dialog: str = "onboarding:variable_dialog"
    variable_save: str = "onboarding:variable_save"
    variable_remove: str = "onboarding:variable_remove"
    variable_toggle: str = "onboarding:variable_toggle"
