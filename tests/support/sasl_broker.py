"""A real Kafka broker that asks over TLS who its clients are, beside the port in the clear that tests look on by."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headwater.cluster import broker as plain
from headwater.cluster.broker import LocalBroker, free_port
from schemas.broker import KafkaSettings, Mechanism

USER = "headwater"
_STORE_PASSWORD = "changeit"  # of a key that lasts as long as a test
_SCRAMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")


class SaslBroker(LocalBroker):
    """Knows one user, by each mechanism, at `asking`; `ca_file` vouches for it."""

    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_urlsafe(24)
        self.ca_file = folder / "ca.pem"
        self._asking_port = free_port()
        super().__init__(folder)

    @property
    def asking(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._asking_port}"

    def settings(self, mechanism: Mechanism, prefix: str) -> KafkaSettings:
        """How the user comes in."""
        return KafkaSettings(
            servers=self.asking,
            prefix=prefix,
            security="SASL_SSL",
            sasl_mechanism=mechanism,
            sasl_username=USER,
            sasl_password_env="KAFKA_PASSWORD",
            ca_file=str(self.ca_file),
        )

    def _format(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys, properties = self._folder / "keys.p12", self._folder / "server.properties"
        _make_keys(keys, self.ca_file)
        text = plain._PROPERTIES.format(
            port=self.port, controller_port=free_port(), data=self._folder / "data"
        )
        properties.write_text(self._with_users(text, keys), "utf-8")
        cluster_id = plain._cluster_id(secrets.token_bytes(16))
        users = [f"{scram}=[name={USER},password={self.password}]" for scram in _SCRAMS]
        command = [
            *self._java("kafka.tools.StorageTool"),
            *("format", "-t", cluster_id, "-c", str(properties)),
            *(word for user in users for word in ("--add-scram", user)),
        ]
        subprocess.run(command, capture_output=True, check=True)

    def _with_users(self, properties: str, keys: Path) -> str:
        lines = []
        for line in properties.splitlines():
            name, _, value = line.partition("=")
            match name:
                case "listeners" | "advertised.listeners":
                    value += f",ASKING://{self.asking}"
                case "listener.security.protocol.map":
                    value += ",ASKING:SASL_SSL"
            lines.append(f"{name}={value}")
        modules = "org.apache.kafka.common.security"
        listener = "listener.name.asking"
        return "\n".join(
            [
                *lines,
                "inter.broker.listener.name=PLAINTEXT",
                f"{listener}.sasl.enabled.mechanisms={','.join(('PLAIN', *_SCRAMS))}",
                f"{listener}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required"
                f' user_{USER}="{self.password}";',
                *(
                    f"{listener}.{scram.lower()}.sasl.jaas.config={modules}.scram.ScramLoginModule"
                    " required;"
                    for scram in _SCRAMS
                ),
                f"ssl.keystore.location={keys}",
                f"ssl.keystore.password={_STORE_PASSWORD}",
                "ssl.keystore.type=PKCS12",
                "",
            ]
        )


@contextmanager
def a_sasl_broker(folder: Path) -> Iterator[SaslBroker]:
    """One with its data in a folder below `folder`."""
    broker = SaslBroker(folder / "sasl")
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _make_keys(keys: Path, certificate: Path) -> None:
    store = ["-alias", "broker", "-keystore", str(keys), "-storepass", _STORE_PASSWORD]
    made = ["-genkeypair", "-keyalg", "RSA", "-storetype", "PKCS12", "-validity", "2"]
    subject = ["-dname", "CN=127.0.0.1", "-ext", "san=ip:127.0.0.1"]
    for words in ([*made, *subject], ["-exportcert", "-rfc", "-file", str(certificate)]):
        subprocess.run(["keytool", *words, *store], check=True, capture_output=True)
