"""The throw-away certificate is made once, by whoever comes first."""

import shutil
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import certificate
from benchmarks.certificate import make_certificate

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("openssl") is None, reason="needs openssl"
)


def test_threads_that_make_the_certificate_at_once_get_one_pair(monkeypatch, tmp_path):
    monkeypatch.setattr(certificate, "FOLDER", tmp_path)
    with ThreadPoolExecutor(4) as executor:
        files = set(executor.map(lambda _: make_certificate(), range(4)))
    (pair,) = files
    # It raises when the key is another certificate's.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*pair)
    assert list(tmp_path.iterdir()) == [pair.key.parent]


def test_certificate_is_not_made_again(monkeypatch, tmp_path):
    monkeypatch.setattr(certificate, "FOLDER", tmp_path)
    files = make_certificate()
    monkeypatch.setenv("PATH", "")
    assert make_certificate() == files
