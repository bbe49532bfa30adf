"""What the page refuses before any call: audited where the egress rules are the reason (spec 07 B7), and never dropped in silence."""

from apps.audit.models import AuditEvent
from tests.support.sheet import Sheet


def refusals() -> list[tuple[str, str, dict[str, object]]]:
    return list(AuditEvent.objects.filter(event="egress.refused").values_list("outcome", "actor_name", "changes"))


def test_an_address_that_egress_rules_refuse_is_audited(either: Sheet) -> None:
    """B7: also when the form stops it before a connection is tried. The event names the host and not the path."""
    either.fill(name="Metadata", url="http://169.254.169.254/latest/meta-data/?key=1", body='{"a": "{{prompt}}"}').test(prompt="Hail")
    assert either.status == 422
    found = refusals()
    assert found
    assert {(outcome, actor) for outcome, actor, _ in found} == {("refused", "Adam Admin")}
    assert all(changes == {"host": {"after": "169.254.169.254"}} for _, _, changes in found)


def test_a_typing_error_is_no_refusal(either: Sheet) -> None:
    either.fill(name="Typo", url="htp://api.example.com/", body='{"a": "{{prompt}}"}').test(prompt="Hail")
    assert either.status == 422
    assert refusals() == []


def test_more_headers_than_are_taken_is_an_error(sheet: Sheet) -> None:
    rows = {f"h_{number}_key": f"X-Row-{number}" for number in range(2, 103)}
    sheet.fill(name="Many", url="https://api.example.com/", body="{}", **rows).save("draft")
    assert sheet.status == 422
    assert "At most 100 headers" in sheet.text
