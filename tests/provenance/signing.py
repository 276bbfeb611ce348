"""A signer of our own: a root that tests may trust, a certificate below it, and files signed with that."""

import io
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


def _name(common):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Camera Works"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(subject, issuer, key, issuer_key, root):
    start = datetime.now(UTC) - timedelta(days=2)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not root, key_cert_sign=root, crl_sign=root, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


@lru_cache(maxsize=1)
def _authority():
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Test Root", "Test Root", root_key, root_key, root=True)
    leaf = _certificate("Test Camera", "Test Root", key, root_key, root=False)
    chain = leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
    return root.public_bytes(Encoding.PEM), chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def trust_folder(folder):
    """A folder with our root as the only trusted certificate."""
    (folder / "root.pem").write_bytes(_authority()[0])
    return folder


def signed(data, mime, actions, ingredients=()):
    """The file `data` with a manifest of these actions: [(action, digital source type or "")], and ingredients:
    [(bytes, mime, relationship)]."""
    _, chain, key = _authority()
    info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=key, ta_url=None)
    listed = [{"action": name, **({"digitalSourceType": SOURCE + kind} if kind else {})} for name, kind in actions]
    for action in listed:
        if action["action"] in ("c2pa.opened", "c2pa.placed"):
            action["parameters"] = {"ingredientIds": ["xmp:iid:before"]}
    manifest = {
        "claim_generator_info": [{"name": "aidetect tests", "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": listed}}],
    }
    context = c2pa.Context.from_dict({"verify": {"verify_after_sign": False}})
    with c2pa.Builder(json.dumps(manifest), context=context) as builder, c2pa.Signer.from_info(info) as signer:
        for content, kind, relationship in ingredients:
            described = json.dumps(
                {"title": "before.jpg", "relationship": relationship, "instance_id": "xmp:iid:before"}
            )
            builder.add_ingredient(described, kind, io.BytesIO(content))
        target = io.BytesIO()
        builder.sign(signer, mime, io.BytesIO(data), target)
    return target.getvalue()
