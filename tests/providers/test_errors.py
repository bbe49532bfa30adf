"""Every failure has a code and a stage that can be told apart (spec 02, Test response)."""

from apps.providers.errors import ErrorKind, ProviderError, Stage, in_words, stage_of


def test_every_kind_has_its_code_and_every_stage_a_label() -> None:
    assert all(kind.value == kind.name.lower() for kind in ErrorKind)
    assert {stage_of(kind) for kind in ErrorKind} == set(Stage)
    assert len({stage.label for stage in Stage}) == len(Stage)


def test_every_kind_has_words_of_its_own_for_a_list() -> None:
    assert len({kind.label for kind in ErrorKind}) == len(ErrorKind)
    assert not [kind.label for kind in ErrorKind if "_" in kind.label or kind.label.endswith(".")]
    assert (in_words("timeout"), in_words("of_old"), in_words("")) == ("The answer took too long", "of_old", "")


def test_the_message_is_what_is_shown() -> None:
    error = ProviderError(ErrorKind.TIMEOUT, "It took too long.", "Try again.", retryable=True)
    assert (str(error), error.stage, error.retryable, error.status) == ("It took too long.", Stage.READ, True, None)


def test_what_the_provider_said_is_told_apart_from_reading_it() -> None:
    assert stage_of(ErrorKind.UPSTREAM_AUTH).label == "The provider's answer"
    assert stage_of(ErrorKind.TIMEOUT).label == "Reading the response"
