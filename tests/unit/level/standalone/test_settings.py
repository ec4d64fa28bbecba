from __future__ import annotations

import pytest

from inception.level.standalone.settings import StandaloneSettings, WrongSetting


def test_without_variables_the_settings_are_the_defaults() -> None:
    nothing = StandaloneSettings(log_to_file=False, port=None, daemon_arguments=(), storage_size=None)
    assert StandaloneSettings.from_environment({"PATH": "/bin"}) == nothing
    empty = {"LOG": "", "PORT": "", "DOCKER_DAEMON_ARGS": "", "VAR_LIB_DOCKER_SIZE": ""}
    assert StandaloneSettings.from_environment(empty) == nothing


def test_each_variable_is_read() -> None:
    variables = {
        "LOG": "file",
        "PORT": "4444",
        "DOCKER_DAEMON_ARGS": "-D --label 'for=you and me'",
        "VAR_LIB_DOCKER_SIZE": "5",
    }
    assert StandaloneSettings.from_environment(variables) == StandaloneSettings(
        log_to_file=True,
        port=4444,
        daemon_arguments=("-D", "--label", "for=you and me"),
        storage_size=5_000_000_000,
    )


def test_a_size_may_have_a_unit() -> None:
    assert StandaloneSettings.from_environment({"VAR_LIB_DOCKER_SIZE": "512MiB"}).storage_size == 512 << 20


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LOG", "syslog", "LOG=syslog is neither file nor stdio"),
        *(
            ("PORT", port, f"PORT={port} is not a port: give a number from 1 to 65535")
            for port in ("http", "0", "65536", "-1", "1.5", "²", "9" * 5000, "127.0.0.1:80")
        ),
        ("VAR_LIB_DOCKER_SIZE", "large", "VAR_LIB_DOCKER_SIZE=large is not a size: give one in GB, such as 5"),
        ("VAR_LIB_DOCKER_SIZE", "9" * 400, "is not a size"),
        ("VAR_LIB_DOCKER_SIZE", "0", "VAR_LIB_DOCKER_SIZE=0 is 0 B: give at least"),
        ("VAR_LIB_DOCKER_SIZE", "5MB", "VAR_LIB_DOCKER_SIZE=5MB is 5.00 MB: give at least"),
        ("VAR_LIB_DOCKER_SIZE", "20TB", "VAR_LIB_DOCKER_SIZE=20TB is 20.0 TB: .* at most 17.6 TB"),
        (
            "DOCKER_DAEMON_ARGS",
            "-H 'unix",
            "DOCKER_DAEMON_ARGS=-H 'unix cannot be split into arguments: no closing quot",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_a_valid_one(name: str, value: str, said: str) -> None:
    with pytest.raises(WrongSetting, match=said) as caught:
        StandaloneSettings.from_environment({name: value})
    assert "\n" not in str(caught.value)
