from __future__ import annotations

import subprocess
import sys

_BOTH = "from inception.level.early.without_tls import leave_out_tls, let_tls_in"


def _run(*lines: str) -> str:
    command = [sys.executable, "-c", "\n".join(("import sys", _BOTH, *lines))]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_http_client_comes_without_tls() -> None:
    found = "'_ssl' in sys.modules, hasattr(http.client, 'HTTPSConnection'), 'crypto' in open('/proc/self/maps').read()"
    assert _run("leave_out_tls()", "import http.client", f"print({found})") == "False False False\n"


def test_the_docker_sdk_comes_with_it_afterwards() -> None:
    sdk = "import docker, ssl; docker.APIClient('unix:///nowhere', version='1.41'); print(ssl.HAS_TLSv1_3)"
    assert _run("leave_out_tls()", "import http.client", "let_tls_in()", sdk) == "True\n"


def test_tls_that_is_there_stays() -> None:
    assert _run("import ssl", "leave_out_tls()", "let_tls_in()", "print(sys.modules['ssl'] is ssl)") == "True\n"
