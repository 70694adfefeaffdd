"""OpenAS2's main settings file: certificates, folders, ports. Must not know partners or a process."""

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.cli.development_certificates import DevelopmentCertificates

_TLS_PASSWORD = "interop"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it listens, on loopback alone."""

    messages: int
    messages_tls: int
    receipts: int


@dataclass(frozen=True, slots=True)
class Keys:
    """The key store with its own key and its partners' certificates."""

    file: Path
    password: str


@dataclass(frozen=True, slots=True)
class Tls:
    """Java's stores: the authority that it believes, its TLS server's key, and the key that it shows as a client."""

    trust_store: Path
    server_store: Path
    client_store: Path
    password: str = _TLS_PASSWORD


def write_tls(folder: Path, certificates: DevelopmentCertificates, client: str) -> Tls:
    """From PEM files: the server's certificate is for `localhost`, the client's is named `client`."""
    encryption = serialization.BestAvailableEncryption(_TLS_PASSWORD.encode())
    authority = x509.load_pem_x509_certificate(certificates.authority.read_bytes())
    tls = Tls(folder / "trust.p12", folder / "server.p12", folder / "client.p12")
    tls.trust_store.write_bytes(
        pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority, b"authority")], encryption)
    )
    for store, issued in ((tls.server_store, certificates.server), (tls.client_store, certificates.clients[client])):
        own = x509.load_pem_x509_certificate(issued.certificate.read_bytes())
        key = serialization.load_pem_private_key(issued.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        store.write_bytes(pkcs12.serialize_key_and_certificates(b"tls", key, own, [authority], encryption))
    return tls


def configuration(folder: Path, keys: Keys, ports: Ports, tls: Tls, separator: str) -> str:
    """`config.xml`. Files are named after the Message-ID, and a Message-ID after the file that was dropped."""
    data = folder / "data"
    modules = "\n".join(
        _element("module", {"enabled": "true", "classname": f"org.openas2.processor.{name}", **attributes})
        for name, attributes in _modules(data, ports, tls, separator)
    )
    properties = {
        "as2_message_id_format": "<$msg.attributes.filename$@$msg.sender.as2_id$.$msg.receiver.as2_id$>",
        "as2_mdn_message_id_format": "<MDN-$rand.UUID$@$msg.sender.as2_id$>",
        "log_date_format": "yyyy-MM-dd HH:mm:ss.SSS",
    }
    certificates = {
        "classname": "org.openas2.cert.PKCS12CertificateFactory",
        "filename": str(keys.file),
        "password": keys.password,
        "interval": "3600",
    }
    console = _element("logger", {"classname": "org.openas2.logging.ConsoleLogger", "enabled": "true"})
    commands = {"classname": "org.openas2.cmd.XMLCommandRegistry", "filename": str(folder / "commands.xml")}
    partnerships = {
        "classname": "org.openas2.partner.XMLPartnershipFactory",
        "filename": str(folder / "partnerships.xml"),
        "interval": "3600",
    }
    pending = {"pendingmdn": str(data / "pending"), "pendingmdninfo": str(data / "pending-info")}
    processor = _opening("processor", {"classname": "org.openas2.processor.DefaultProcessor", **pending})
    return "\n".join(
        [
            "<openas2>",
            _element("properties", properties),
            _element("certificates", certificates),
            f"<loggers>{console}</loggers>",
            _element("commands", commands),
            "<commandProcessors/>",
            f"{processor}{modules}</processor>",
            _element("partnerships", partnerships),
            "</openas2>",
        ]
    )


def _modules(data: Path, ports: Ports, tls: Tls, separator: str) -> list[tuple[str, dict[str, str]]]:
    listener = {"address": "127.0.0.1", "errordir": str(data / "refused"), "errors": "$rand.UUID$"}
    secured = {
        "protocol": "https",
        "ssl_protocol": "TLS",
        "ssl_keystore": str(tls.server_store),
        "ssl_keystore_password": tls.password,
    }
    return [
        ("sender.AS2SenderModule", {"retries": "0"}),
        ("sender.MDNSenderModule", {"retries": "0"}),
        (
            "receiver.AS2DirectoryPollingModule",
            {
                "outboxdir": str(data / "outbox"),
                "sentdir": str(data / "sent"),
                "stored_sent_filename": "$msg.headers.message-id$",
                "errordir": str(data / "failed"),
                "stored_error_filename": "$msg.headers.message-id$",
                "interval": "1",
                "format": "sender.as2_id, receiver.as2_id, attributes.filename",
                "delimiters": separator,
                "sendfilename": "true",
            },
        ),
        (
            "storage.MDNFileModule",
            {
                "protocol": "as2",
                "filename": f"{data}/receipts/$mdn.msg.headers.message-id$",
                "tempdir": str(data / "writing-in"),
            },
        ),
        (
            "storage.MessageFileModule",
            {
                "protocol": "as2",
                "filename": f"{data}/inbox/$msg.receiver.as2_id$/$msg.headers.message-id$",
                "tempdir": str(data / "writing-in"),
            },
        ),
        ("receiver.AS2ReceiverModule", {**listener, "port": str(ports.messages)}),
        ("receiver.AS2ReceiverModule", {**listener, **secured, "port": str(ports.messages_tls)}),
        ("receiver.AS2MDNReceiverModule", {**listener, "port": str(ports.receipts)}),
    ]


def _element(name: str, attributes: dict[str, str]) -> str:
    return _opening(name, attributes)[:-1] + "/>"


def _opening(name: str, attributes: dict[str, str]) -> str:
    return " ".join([f"<{name}", *(f"{key}={quoteattr(value)}" for key, value in attributes.items())]) + ">"
