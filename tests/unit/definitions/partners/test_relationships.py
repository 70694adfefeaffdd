import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.definitions.partners.load import LoadedPartners, load_partners
from gateway.definitions.settings import As2Settings
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, TrustedAuthority
from gateway.envelopes.as2.profile import (
    Compression,
    DigestAlgorithm,
    EncryptionAlgorithm,
    KeyTransport,
    Packaging,
    Receipt,
    SecurityPolicy,
    SignatureScheme,
)
from gateway.pipeline.agreements import Identity
from gateway.pipeline.relationships import ReceiptTarget, Relationship
from tests.unit.definitions.identities import (
    NOW,
    certificate,
    certificate_pem,
    elliptic_certificate,
    key_pem,
    rsa_key,
)

HASH = "$argon2id$v=19$m=65536,t=3,p=4$TA32AW3UdbL3tJT2HTbgBQ$ttv55WjIoncDD2dzdWUVFiuLLTAJ3WW/eiZ3k43WHz0"
URL = 'url = "https://as2.clinic.example/in"\n'
PINNED = '[[as2.certificate]]\nfile = "clinic.pem"\n'
# Lines 1 to 7 of every file; the [[as2]] table begins in line 8.
HEAD = (
    'name = "Clinic"\n[[identity]]\nqualifier = "ZZ"\nid = "CLINIC"\n'
    '[[agreement]]\nusage = "test"\nguides = ["837 005010X222A1"]\n'
)


def _own(name: str) -> OwnKey:
    own = certificate(name)
    return OwnKey(name, own, rsa_key(name), (), own.not_valid_before_utc, own.not_valid_after_utc)


def _ours() -> As2Settings:
    return As2Settings("HARBORGATE", "https://b2b.example.org/as2", (_own("2025"), _own("2026")))


def _as2(text: str = "", *, name: str = "BROOKSIDE", tables: str = PINNED) -> str:
    return f'[[as2]]\npartner_name = "{name}"\n{text}{tables}'


def _load(folder: Path, ours: As2Settings | None = None, **files: str) -> LoadedPartners:
    (folder / "clinic.pem").write_bytes(certificate_pem(certificate("clinic")))
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(HEAD.replace("CLINIC", name.upper()) + text)
    return load_partners(folder, [Identity("ZZ", "GATEWAY")], ours or _ours())


def _relationship(loaded: LoadedPartners) -> Relationship:
    assert loaded.faults == ()
    return loaded.relationships.of_partner("clinic")[0]


def _texts(loaded: LoadedPartners, folder: Path) -> list[str]:
    return [str(fault).removeprefix(f"{folder}/") for fault in loaded.faults]


def test_smallest_relationship_is_signed_and_encrypted_both_ways(tmp_path: Path) -> None:
    """A name, a certificate and a URL: everything else is the safe choice."""
    relationship = _relationship(_load(tmp_path, clinic=_as2(URL)))

    assert (relationship.name, relationship.partner_name, relationship.our_name) == (
        "default",
        "BROOKSIDE",
        "HARBORGATE",
    )
    assert relationship.policy == SecurityPolicy(signature_required=True, encryption_required=True)
    assert relationship.packaging == Packaging()
    assert [key.name for key in relationship.own_keys] == ["2025", "2026"]
    assert relationship.trust.signing(NOW) == (certificate("clinic"),)
    assert relationship.trust.encryption(NOW) == certificate("clinic")
    assert relationship.receipt_targets == {ReceiptTarget("as2.clinic.example", 443)}
    assert not relationship.is_ordered


def test_relationship_says_it_all(tmp_path: Path) -> None:
    """Every key reaches the pipeline's noun; files are found beside the partner's."""
    (tmp_path / "password").write_text("hush\n")
    (tmp_path / "tls.pem").write_bytes(certificate_pem(certificate("tls")))
    (tmp_path / "tls-key.pem").write_bytes(key_pem("tls"))

    relationship = _relationship(
        _load(
            tmp_path,
            clinic=_as2(
                'name = "claims"\nour_name = "HARBOR CLAIMS"\nurl = "http://[::1]:10080/in"\nkeys = ["2026"]\n'
                "require_signature = true\nrequire_encryption = false\nordered = true\n"
                'receipt_targets = ["MDN.clinic.example:8443", "[::1]:10080"]\n',
                tables=PINNED + '[as2.packaging]\nsign = "sha512"\nsignature_scheme = "pss"\nencrypt = "aes128-gcm"\n'
                'key_transport = "oaep"\ncompress = "before_signing"\nreceipt = "asynchronous"\n'
                'receipt_signed = false\nreceipt_digest = "sha384"\ncontent_type = "application/edi-consent"\n'
                '[as2.dispatch]\ntimeout_s = 30\nattempts = 3\nreceipt_deadline_s = 600\nauthority = "tls.pem"\n'
                'client_certificate = "tls.pem"\nclient_key = "tls-key.pem"\nuser = "us"\npassword_file = "password"\n'
                "[as2.limits]\nsize_bytes = 4096\n",
            ),
        )
    )

    assert (relationship.name, relationship.our_name, relationship.is_ordered) == ("claims", "HARBOR CLAIMS", True)
    assert relationship.packaging == Packaging(
        digest=DigestAlgorithm.SHA512,
        scheme=SignatureScheme.PSS,
        encryption=EncryptionAlgorithm.AES128_GCM,
        key_transport=KeyTransport.OAEP,
        compression=Compression.BEFORE_SIGNING,
        receipt=Receipt.ASYNCHRONOUS,
        receipt_signed=False,
        receipt_digest=DigestAlgorithm.SHA384,
        content_type="application/edi-consent",
    )
    assert relationship.receipt_targets == {ReceiptTarget("mdn.clinic.example", 8443), ReceiptTarget("::1", 10080)}
    assert [key.name for key in relationship.own_keys] == ["2026"]
    assert relationship.size_limit_bytes == 4096
    dispatch = relationship.dispatch
    assert (dispatch.url, dispatch.timeout_s, dispatch.attempts) == ("http://[::1]:10080/in", 30, 3)
    assert (dispatch.authority, dispatch.client_key) == (str(tmp_path / "tls.pem"), str(tmp_path / "tls-key.pem"))
    assert (dispatch.user, dispatch.password, dispatch.receipt_deadline_s) == ("us", "hush", 600)
    assert "hush" not in repr(relationship)


def test_nothing_is_signed_or_encrypted_where_that_is_said(tmp_path: Path) -> None:
    """A password proves who sends; no certificate and no key of ours is needed then."""
    text = "require_signature = false\nrequire_encryption = false\n" + URL
    packaging = '[as2.packaging]\nsign = "none"\nencrypt = "none"\nreceipt_signed = false\n'
    password = f'[[password]]\nuser = "clinic"\npassword_hash = "{HASH}"\n'

    loaded = _load(tmp_path, As2Settings("HARBORGATE"), clinic=_as2(text, tables=packaging) + password)

    packed = _relationship(loaded).packaging
    assert (packed.digest, packed.encryption) == (None, None)


def test_certificates_follow_each_other(tmp_path: Path) -> None:
    """While both windows are open, signatures of either count, and the newer one is encrypted to."""
    (tmp_path / "next.pem").write_bytes(certificate("next").public_bytes(Encoding.DER))
    tables = PINNED + "valid_until = 2026-03-31\n"
    tables += '[[as2.certificate]]\nfile = "next.pem"\nuses = ["sign", "encrypt"]\nvalid_from = 2026-03-01\n'

    trust = _relationship(_load(tmp_path, clinic=_as2(URL, tables=tables))).trust

    old, new = certificate("clinic"), certificate("next")
    days = [datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)]
    assert [trust.signing(day) for day in days] == [(old,), (new, old), (new,)]
    assert [trust.encryption(day) for day in days] == [old, new, new]


def test_authority_stands_for_a_pinned_certificate(tmp_path: Path) -> None:
    """The subject is kept as RFC 4514 writes it."""
    root = certificate("authority", is_authority=True)
    (tmp_path / "root.pem").write_bytes(certificate_pem(root))
    tables = '[[as2.authority]]\nfile = "root.pem"\nsubject = "CN=clinic,O=Clinic"\n'

    relationship = _relationship(_load(tmp_path, clinic=_as2(tables=tables)))

    assert relationship.trust.authorities == (TrustedAuthority(root, "CN=clinic,O=Clinic"),)
    assert relationship.dispatch.url is None
    assert relationship.receipt_targets == frozenset()


@pytest.mark.parametrize(
    ("text", "tables", "message"),
    [
        ("", "", ":8: as2[0]: requires signatures, but has no certificate or authority to verify them with"),
        (
            "require_signature = false\n",
            "",
            ":10: as2[0].require_signature: is false, and the partner has neither password nor TLS certificate",
        ),
        (
            URL,
            PINNED + 'uses = ["sign"]\n',
            ":8: as2[0]: encrypts what it sends, but has no certificate to encrypt to",
        ),
        (
            URL,
            PINNED + 'uses = ["encrypt"]\n',
            ":8: as2[0]: requires signatures, but has no certificate or authority to verify them with\n"
            ":8: as2[0].packaging: asks for signed receipts, but has no certificate to verify them with",
        ),
        ('keys = ["2031"]\n', PINNED, ":10: as2[0].keys: 2031 is no key of the settings"),
        ('our_name = "BROOKSIDE"\n', PINNED, ":9: as2[0].partner_name: is our own name too: BROOKSIDE"),
        ('url = "as2.clinic.example"\n', PINNED, ":10: as2[0].url: is no URL of the form https://host:port/path"),
        (
            'receipt_targets = ["https://clinic.example"]\n',
            PINNED,
            ":10: as2[0].receipt_targets: https://clinic.example is not written as host:port",
        ),
        (
            'receipt_targets = ["clinic.example"]\n',
            PINNED,
            ":10: as2[0].receipt_targets: clinic.example is not written",
        ),
        (
            "",
            PINNED + '[as2.packaging]\nsign = "sha1"\n',
            ":13: as2[0].packaging.sign: sha1 is read from partners but never written",
        ),
        (
            "",
            PINNED + '[as2.packaging]\nencrypt = "3des"\n',
            ":13: as2[0].packaging.encrypt: 3des is read from partners but never written",
        ),
        (
            "",
            PINNED + '[as2.packaging]\nencrypt = "rot13"\n',
            ":13: as2[0].packaging.encrypt: should be 'aes128-cbc', 'aes192-cbc', 'aes256-cbc'",
        ),
        (
            "",
            PINNED + '[as2.packaging]\ncontent_type = "text"\n',
            ":13: as2[0].packaging.content_type: String should match pattern",
        ),
        (
            "",
            PINNED + '[as2.dispatch]\nuser = "us"\n',
            ":12: as2[0].dispatch: needs user together with exactly one of password_file, password_environment",
        ),
        (
            "",
            PINNED + '[as2.dispatch]\nclient_key = "x"\n',
            ":12: as2[0].dispatch: needs client_certificate and client_key together",
        ),
        (
            "",
            PINNED + '[as2.dispatch]\nauthority = "none.pem"\n',
            ":13: as2[0].dispatch.authority: none.pem cannot be read: No such file or directory",
        ),
        (
            "",
            PINNED + '[as2.dispatch]\nclient_certificate = "clinic.pem"\nclient_key = "else-key.pem"\n',
            ":13: as2[0].dispatch.client_certificate: clinic.pem has the key of another certificate",
        ),
        (
            "",
            PINNED + '[as2.dispatch]\nclient_certificate = "clinic.pem"\nclient_key = "locked-key.pem"\n',
            ":13: as2[0].dispatch.client_certificate: clinic.pem has a key that is encrypted",
        ),
        (
            "",
            '[[as2.certificate]]\nfile = "none.pem"\n',
            ":11: as2[0].certificate[0].file: none.pem cannot be read: No such file or directory",
        ),
        (
            "",
            '[[as2.certificate]]\nfile = "weak.pem"\n',
            ":10: as2[0].certificate[0]: weak.pem has an RSA key of 1024 bits: 2048 at least",
        ),
        (
            "",
            '[[as2.certificate]]\nfile = "ec.pem"\n',
            ":10: as2[0].certificate[0]: ec.pem has no RSA key: AS2 needs one",
        ),
        (
            "",
            PINNED + "valid_until = 2020-01-01\n",
            ":10: as2[0].certificate[0]: clinic.pem counts at no time: it is valid from 2025-12-26 until 2026-12-26",
        ),
        (
            "",
            '[[as2.authority]]\nfile = "clinic.pem"\nsubject = "CN=clinic"\n',
            ":10: as2[0].authority[0]: clinic.pem is no certificate of an authority",
        ),
        (
            "",
            '[[as2.authority]]\nfile = "root.pem"\nsubject = "clinic"\n',
            ":10: as2[0].authority[0]: root.pem has a subject beside it that is not written like CN=",
        ),
        (
            "",
            PINNED + _as2('name = "second"\n'),
            ":13: as2[1].partner_name: BROOKSIDE and HARBORGATE are a relationship already",
        ),
        ("", PINNED + _as2(name="OTHER"), ":12: as2[1].name: default is there twice"),
    ],
)
def test_faulty_relationship_puts_its_partner_out(tmp_path: Path, text: str, tables: str, message: str) -> None:
    """Every fault has its line, and the partner beside it goes on."""
    (tmp_path / "weak.pem").write_bytes(certificate_pem(certificate("weak", size_bits=1024)))
    (tmp_path / "ec.pem").write_bytes(certificate_pem(elliptic_certificate("ec")))
    (tmp_path / "root.pem").write_bytes(certificate_pem(certificate("authority", is_authority=True)))
    (tmp_path / "else-key.pem").write_bytes(key_pem("else"))
    (tmp_path / "locked-key.pem").write_bytes(key_pem("clinic", b"secret"))

    loaded = _load(tmp_path, clinic=_as2(text, tables=tables), mill=_as2(name="MILL"))

    expected = message.split("\n")
    assert [text[: len(one)] for text, one in zip(_bare(loaded, tmp_path), expected, strict=True)] == expected
    assert [one.partner for one in loaded.relationships.by_names.values()] == ["mill"]
    assert loaded.out == {"clinic"}


def _bare(loaded: LoadedPartners, folder: Path) -> list[str]:
    return [re.sub(r"^clinic\.toml", "", text) for text in _texts(loaded, folder)]


@pytest.mark.parametrize("name", ["", " LEADING", "TRAILING ", "ÄRZTE", "A" * 129, "TAB\tBED"])
def test_name_that_is_no_as2_name_is_a_fault(tmp_path: Path, name: str) -> None:
    """What the header could not carry, or another product would not match."""
    loaded = _load(tmp_path, clinic=_as2().replace('"BROOKSIDE"', f'"{name}"'.replace("\t", "\\t")))

    assert [fault.message[:16] for fault in loaded.faults] == ["is no AS2 name: "]


@pytest.mark.parametrize("name", ["A", "A" * 128, "Brook Side", 'a"quote', "back\\slash"])
def test_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Quotes and backslashes are the header's matter."""
    loaded = _load(tmp_path, clinic=_as2().replace('"BROOKSIDE"', f"'{name}'"))

    assert loaded.relationships.find("HARBORGATE", name) is _relationship(loaded)


def test_settings_that_lack_what_a_relationship_needs_are_faults(tmp_path: Path) -> None:
    """No name, no key and no receipt URL of ours: three faults at once."""
    packaging = '[as2.packaging]\nreceipt = "asynchronous"\n'

    loaded = _load(tmp_path, As2Settings(), clinic=_as2(URL, tables=PINNED + packaging))

    assert _bare(loaded, tmp_path) == [
        ":8: as2[0].our_name: is missing, and the settings have no [as2] name",
        ":13: as2[0].packaging: asks for asynchronous receipts, but the settings have no [as2] receipt_url",
        ":8: as2[0]: signs or is encrypted to, but the settings have no key of ours ([[as2.key]])",
    ]


def test_names_of_two_partners_put_the_later_file_out(tmp_path: Path) -> None:
    """Nobody could tell whose message it is; a disabled partner takes no name away."""
    both = _load(tmp_path, clinic=_as2(), mill=_as2())
    (tmp_path / "clinic.toml").write_text("enabled = false\n" + HEAD + _as2())
    other_disabled = load_partners(tmp_path, [Identity("ZZ", "GATEWAY")], _ours())

    assert _texts(both, tmp_path) == [
        "mill.toml:9: as2[0].partner_name: BROOKSIDE and HARBORGATE are a relationship with clinic too"
    ]
    assert other_disabled.faults == ()
    assert [each.partner for each in other_disabled.relationships.by_names.values()] == ["mill"]


def test_receipt_url_of_the_settings_goes_along(tmp_path: Path) -> None:
    """A message of ours names it."""
    loaded = _load(tmp_path, replace(_ours(), receipt_url="https://other.example/as2"), clinic=_as2())

    assert loaded.relationships.receipt_url == "https://other.example/as2"


def test_retention_of_a_partner_is_known_even_where_it_is_disabled(tmp_path: Path) -> None:
    """Its messages are still kept; of a faulty file nothing is known."""
    for name, text in (("clinic", "retention_days = 30\nenabled = false\n"), ("mill", "retention_days = 0\n")):
        (tmp_path / f"{name}.toml").write_text(text + HEAD.replace("CLINIC", name))

    loaded = _load(tmp_path)

    assert loaded.retention_days == {"clinic": 30}
    assert loaded.out == {"mill"}


def test_secret_files_are_known(tmp_path: Path) -> None:
    """So that lint can see who reads them."""
    (tmp_path / "password").write_text("hush")

    loaded = _load(tmp_path, clinic=_as2(tables=PINNED + '[as2.dispatch]\nuser = "us"\npassword_file = "password"\n'))

    assert loaded.files[0].secret_files == (tmp_path / "password",)
    assert loaded.files[0].relationships[0].trust.certificates[0].uses == frozenset(CertificateUse)
