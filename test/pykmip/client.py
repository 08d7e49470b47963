"""Drives the PyKMIP client through everything it can ask of a server, and reports as JSON on standard output.

Usage: client.py HOST PORT CERT KEY CA
The report is {version: {call: null | "what went wrong"}}.
"""

import datetime
import hashlib
import hmac
import json
import logging
import secrets
import sys
import time
import traceback

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID
from kmip.core import attributes, enums, objects as core_objects, primitives
from kmip.core.factories.attributes import AttributeFactory
from kmip.core.messages.contents import ProtocolVersion
from kmip.pie import exceptions, objects
from kmip.pie.client import ProxyKmipClient

AES_KEY = bytes(range(32))
MASK = enums.CryptographicUsageMask
TYPE = enums.ObjectType
STATE = enums.State
ATTRIBUTE = enums.AttributeType
FACTORY = AttributeFactory()
RUN = secrets.token_hex(4)

CALLS = []


def call(function):
    CALLS.append(function)
    return function


def equal(actual, expected):
    if actual != expected:
        raise AssertionError("%r is not %r" % (actual, expected))


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def refused(reason, function, *args, **kwargs):
    """The call fails with this Result Reason."""
    try:
        function(*args, **kwargs)
    except exceptions.KmipOperationFailure as error:
        equal(error.reason, reason)
        return
    raise AssertionError("it was not refused")


class Keys:
    """Key pairs and certificates to register; made once."""

    def __init__(self):
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = private.public_key()
        der = serialization.Encoding.DER
        clear = serialization.NoEncryption()
        formats = serialization.PrivateFormat
        self.private = {
            enums.KeyFormatType.PKCS_1: private.private_bytes(der, formats.TraditionalOpenSSL, clear),
            enums.KeyFormatType.PKCS_8: private.private_bytes(der, formats.PKCS8, clear),
        }
        self.public = {
            enums.KeyFormatType.PKCS_1: public.public_bytes(der, serialization.PublicFormat.PKCS1),
            enums.KeyFormatType.X_509: public.public_bytes(
                der, serialization.PublicFormat.SubjectPublicKeyInfo
            ),
        }
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pykmip.example.org")])
        now = datetime.datetime.utcnow()
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .sign(private, hashes.SHA256())
            .public_bytes(der)
        )


class Run:
    """One version over one connection."""

    def __init__(self, client, version, keys):
        self.client = client
        self.version = version
        self.keys = keys
        self.is_2 = version == enums.KMIPVersion.KMIP_2_0
        self.names = 0

    def unreadable(self):
        """Attributes of a created key that this client cannot decode at this version, whoever sends them."""
        versions = enums.KMIPVersion
        if self.version == versions.KMIP_1_0:
            return ["Digest"]  # It looks for the Key Format Type that came with 1.1.
        if self.version == versions.KMIP_1_1:
            return []
        return [
            "Original Creation Date",
            "Random Number Generator",
            "Key Format Type",
            "Always Sensitive",
            "Extractable",
            "Never Extractable",
            "Short Unique Identifier",
            "Protection Storage Mask",
            "Rotate Latest",
            "Rotate Automatic",
            "Rotate Generation",
        ]

    def name(self, text="key"):
        self.names += 1
        return "%s %s %s %d" % (RUN, self.version.name, text, self.names)

    def create(self, **kwargs):
        return self.client.create(enums.CryptographicAlgorithm.AES, 256, **kwargs)

    def value(self, uid, attribute):
        """The only value of an attribute, None where it has none."""
        _, found = self.client.get_attributes(uid, [attribute])
        holds(len(found) <= 1, "several values of " + attribute)
        return found[0].attribute_value.value if found else None

    def state(self, uid):
        return self.value(uid, "State")

    def find(self, *pairs, **kwargs):
        conditions = [FACTORY.create_attribute(kind, value) for kind, value in pairs]
        return self.client.locate(attributes=conditions, **kwargs)


@call
def create(run):
    uid = run.create()
    key = run.client.get(uid)
    equal(key.cryptographic_algorithm, enums.CryptographicAlgorithm.AES)
    equal(len(key.value), 32)
    holds(run.client.get(run.create()).value != key.value, "two keys are the same")


@call
def create_with_all_arguments(run):
    policy = None if run.is_2 else "default"
    name = run.name()
    uid = run.create(
        name=name, operation_policy_name=policy, cryptographic_usage_mask=[MASK.WRAP_KEY, MASK.UNWRAP_KEY]
    )
    _, found = run.client.get_attributes(uid, ["Name", "Cryptographic Usage Mask"])
    equal(str(found[0].attribute_value), name)
    asked = MASK.WRAP_KEY.value | MASK.UNWRAP_KEY.value
    equal(found[1].attribute_value.value & asked, asked)
    if policy is not None:
        equal(run.value(uid, "Operation Policy Name"), policy)


@call
def create_key_pair(run):
    name = run.name("pair")
    public, private = run.client.create_key_pair(
        enums.CryptographicAlgorithm.RSA,
        2048,
        public_name=name + " public",
        public_usage_mask=[MASK.VERIFY],
        private_name=name + " private",
        private_usage_mask=[MASK.SIGN],
    )
    equal(run.client.get(public).object_type, TYPE.PUBLIC_KEY)
    equal(run.client.get(private).object_type, TYPE.PRIVATE_KEY)
    equal(run.find((ATTRIBUTE.NAME, name + " private")), [private])
    equal(run.find((ATTRIBUTE.NAME, name + " public")), [public])
    _, links = run.client.get_attributes(private, ["Cryptographic Length"])
    equal(links[0].attribute_value.value, 2048)


@call
def register_symmetric_key(run):
    name = run.name()
    uid = run.client.register(
        objects.SymmetricKey(
            enums.CryptographicAlgorithm.AES, 256, AES_KEY, masks=[MASK.ENCRYPT, MASK.DECRYPT], name=name
        )
    )
    key = run.client.get(uid)
    equal(key.value, AES_KEY)
    equal(key.cryptographic_length, 256)
    equal(run.find((ATTRIBUTE.NAME, name)), [uid])


@call
def register_private_keys(run):
    for key_format, value in run.keys.private.items():
        uid = run.client.register(
            objects.PrivateKey(enums.CryptographicAlgorithm.RSA, 2048, value, key_format, masks=[MASK.SIGN], name=run.name())
        )
        key = run.client.get(uid)
        equal(key.key_format_type, key_format)
        equal(key.value, value)


@call
def register_public_keys(run):
    for key_format, value in run.keys.public.items():
        uid = run.client.register(
            objects.PublicKey(enums.CryptographicAlgorithm.RSA, 2048, value, key_format, masks=[MASK.VERIFY], name=run.name())
        )
        key = run.client.get(uid)
        equal(key.key_format_type, key_format)
        equal(key.value, value)


@call
def register_certificate(run):
    name = run.name("certificate")
    uid = run.client.register(
        objects.X509Certificate(run.keys.certificate, masks=[MASK.VERIFY], name=name)
    )
    certificate = run.client.get(uid)
    equal(certificate.value, run.keys.certificate)
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.OBJECT_TYPE, TYPE.CERTIFICATE)), [uid])


@call
def register_secret_data(run):
    for kind in (enums.SecretDataType.PASSWORD, enums.SecretDataType.SEED):
        uid = run.client.register(objects.SecretData(b"correct horse", kind, [MASK.VERIFY], run.name()))
        secret = run.client.get(uid)
        equal(secret.value, b"correct horse")
        equal(secret.data_type, kind)


@call
def register_opaque_object(run):
    uid = run.client.register(objects.OpaqueObject(b"\x00\x01opaque", enums.OpaqueDataType.NONE, run.name()))
    opaque = run.client.get(uid)
    equal(opaque.value, b"\x00\x01opaque")
    run.client.destroy(uid)
    refused(enums.ResultReason.ITEM_NOT_FOUND if not run.is_2 else enums.ResultReason.OBJECT_NOT_FOUND,
            run.client.get, uid + "x")


@call
def get_attributes(run):
    before = int(time.time()) - 300
    uid = run.create(name=run.name())
    readable = [name for name in run.client.get_attribute_list(uid) if name not in run.unreadable()]
    _, found = run.client.get_attributes(uid, readable)
    names = [str(attribute.attribute_name.value) for attribute in found]
    for expected in ("Unique Identifier", "Name", "Object Type", "Cryptographic Algorithm", "State", "Initial Date"):
        holds(expected in names, "%s is missing in %s" % (expected, names))
    equal(run.value(uid, "Unique Identifier"), uid)
    equal(run.value(uid, "Object Type"), TYPE.SYMMETRIC_KEY)
    equal(run.value(uid, "Cryptographic Algorithm"), enums.CryptographicAlgorithm.AES)
    equal(run.value(uid, "Cryptographic Length"), 256)
    holds(before < run.value(uid, "Initial Date") < before + 600, "Initial Date is not now")
    holds(before < run.value(uid, "Last Change Date") < before + 600, "Last Change Date is not now")
    holds(isinstance(run.value(uid, "Lease Time"), int), "Lease Time is no interval")
    equal(run.value(uid, "Activation Date"), None)


@call
def get_all_attributes(run):
    uid = run.create(name=run.name())
    if run.unreadable():
        return
    _, found = run.client.get_attributes(uid)
    equal(
        sorted({str(attribute.attribute_name.value) for attribute in found}),
        run.client.get_attribute_list(uid),
    )


@call
def get_attribute_list(run):
    names = run.client.get_attribute_list(run.create(name=run.name()))
    for expected in ("Cryptographic Usage Mask", "Digest", "Initial Date", "Name", "Object Type", "State"):
        holds(expected in names, "%s is missing in %s" % (expected, names))
    equal(len(names), len(set(names)))


@call
def locate(run):
    name = run.name("locate")
    first = run.create(name=name)
    equal(run.find((ATTRIBUTE.NAME, name)), [first])
    equal(run.find((ATTRIBUTE.NAME, name + " ")), [])
    equal(run.find((ATTRIBUTE.NAME, name[:-1])), [])
    equal(run.find((ATTRIBUTE.UNIQUE_IDENTIFIER, first)), [first])
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.OBJECT_TYPE, TYPE.SYMMETRIC_KEY)), [first])
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.OBJECT_TYPE, TYPE.SECRET_DATA)), [])
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.STATE, STATE.PRE_ACTIVE)), [first])
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.STATE, STATE.ACTIVE)), [])
    equal(
        run.find(
            (ATTRIBUTE.NAME, name),
            (ATTRIBUTE.CRYPTOGRAPHIC_ALGORITHM, enums.CryptographicAlgorithm.AES),
            (ATTRIBUTE.CRYPTOGRAPHIC_LENGTH, 256),
            (ATTRIBUTE.CRYPTOGRAPHIC_USAGE_MASK, [MASK.ENCRYPT]),
        ),
        [first],
    )
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.CRYPTOGRAPHIC_LENGTH, 128)), [])


@call
def locate_by_date(run):
    name = run.name("date")
    uid = run.create(name=name)
    created = run.value(uid, "Initial Date")
    found = run.find(
        (ATTRIBUTE.NAME, name), (ATTRIBUTE.INITIAL_DATE, created - 1), (ATTRIBUTE.INITIAL_DATE, created + 1)
    )
    equal(found, [uid])
    equal(run.find((ATTRIBUTE.NAME, name), (ATTRIBUTE.INITIAL_DATE, created)), [uid])
    equal(
        run.find(
            (ATTRIBUTE.NAME, name),
            (ATTRIBUTE.INITIAL_DATE, created - 20),
            (ATTRIBUTE.INITIAL_DATE, created - 10),
        ),
        [],
    )


@call
def locate_in_pages(run):
    group = run.name("group")
    length = enums.CryptographicAlgorithm.TRIPLE_DES
    made = [
        run.client.register(
            objects.SymmetricKey(length, 192, bytes(range(n, n + 24)), masks=[MASK.ENCRYPT], name="%s/%d" % (group, n))
        )
        for n in range(5)
    ]
    everything = run.find((ATTRIBUTE.CRYPTOGRAPHIC_ALGORITHM, length))
    holds(set(made) <= set(everything), "some of the keys are not found")
    two = run.find((ATTRIBUTE.CRYPTOGRAPHIC_ALGORITHM, length), maximum_items=2)
    equal(two, everything[:2])
    if run.version in (enums.KMIPVersion.KMIP_1_3, enums.KMIPVersion.KMIP_1_4, enums.KMIPVersion.KMIP_2_0):
        rest = run.find((ATTRIBUTE.CRYPTOGRAPHIC_ALGORITHM, length), maximum_items=2, offset_items=2)
        equal(rest, everything[2:4])
    equal(run.client.locate(maximum_items=1, storage_status_mask=1), run.client.locate(maximum_items=1))


@call
def life_cycle(run):
    uid = run.create()
    equal(run.state(uid), STATE.PRE_ACTIVE)
    run.client.activate(uid)
    equal(run.state(uid), STATE.ACTIVE)
    holds(run.value(uid, "Activation Date") is not None, "there is no Activation Date")
    reason = enums.ResultReason.PERMISSION_DENIED
    if run.is_2:
        reason = enums.ResultReason.WRONG_KEY_LIFECYCLE_STATE
    try:
        run.client.destroy(uid)
        raise AssertionError("an active key was destroyed")
    except exceptions.KmipOperationFailure as error:
        holds(error.reason in (reason, enums.ResultReason.PERMISSION_DENIED), str(error.reason))
    run.client.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, uid, "no longer needed")
    equal(run.state(uid), STATE.DEACTIVATED)
    run.client.destroy(uid)
    equal(run.state(uid), STATE.DESTROYED)
    holds(run.value(uid, "Destroy Date") is not None, "there is no Destroy Date")


@call
def compromise(run):
    uid = run.create()
    run.client.activate(uid)
    run.client.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, uid, compromise_occurrence_date=1000000000)
    equal(run.state(uid), STATE.COMPROMISED)
    equal(run.value(uid, "Compromise Occurrence Date"), 1000000000)
    run.client.destroy(uid)
    equal(run.state(uid), STATE.DESTROYED_COMPROMISED)


@call
def destroy_pre_active(run):
    uid = run.create(name=run.name("doomed"))
    run.client.destroy(uid)
    equal(run.state(uid), STATE.DESTROYED)


@call
def check(run):
    uid = run.create()
    equal(run.client.check(uid, cryptographic_usage_mask=[]), uid)
    equal(run.client.check(uid, cryptographic_usage_mask=[MASK.ENCRYPT], lease_time=10), uid)


def uses_keys(run):
    """Encrypt and the like came with KMIP 1.2."""
    return run.version not in (enums.KMIPVersion.KMIP_1_0, enums.KMIPVersion.KMIP_1_1)


@call
def encrypt_and_decrypt(run):
    uid = run.create()
    run.client.activate(uid)
    cbc = {"block_cipher_mode": enums.BlockCipherMode.CBC, "padding_method": enums.PaddingMethod.PKCS5}
    if not uses_keys(run):
        try:
            run.client.encrypt(b"text", uid, cbc, bytes(16))
            raise AssertionError("it was encrypted")
        except exceptions.KmipOperationFailure as error:
            equal(error.reason, enums.ResultReason.OPERATION_NOT_SUPPORTED)
        return
    encrypted, iv = run.client.encrypt(b"text", uid, cbc, bytes(16))
    equal((len(encrypted), iv), (16, None))
    equal(run.client.decrypt(encrypted, uid, cbc, bytes(16)), b"text")
    encrypted, iv = run.client.encrypt(b"text", uid, dict(cbc, random_iv=True))
    equal(len(iv), 16)
    equal(run.client.decrypt(encrypted, uid, cbc, iv), b"text")


@call
def sign_and_verify(run):
    if not uses_keys(run):
        return
    public, private = run.client.create_key_pair(
        enums.CryptographicAlgorithm.RSA,
        2048,
        public_usage_mask=[MASK.VERIFY],
        private_usage_mask=[MASK.SIGN],
    )
    run.client.activate(public)
    run.client.activate(private)
    pss = {
        "padding_method": enums.PaddingMethod.PSS,
        "hashing_algorithm": enums.HashingAlgorithm.SHA_256,
        "cryptographic_algorithm": enums.CryptographicAlgorithm.RSA,
    }
    algorithm = {"digital_signature_algorithm": enums.DigitalSignatureAlgorithm.SHA256_WITH_RSA_ENCRYPTION}
    for parameters in (pss, algorithm):
        signature = run.client.sign(b"text", private, parameters)
        verify = run.client.signature_verify
        equal(verify(b"text", signature, public, parameters), enums.ValidityIndicator.VALID)
        equal(verify(b"else", signature, public, parameters), enums.ValidityIndicator.INVALID)


@call
def mac(run):
    if not uses_keys(run):
        return
    uid = run.create(cryptographic_usage_mask=[MASK.MAC_GENERATE, MASK.MAC_VERIFY])
    run.client.activate(uid)
    found, code = run.client.mac(b"text", uid, enums.CryptographicAlgorithm.HMAC_SHA256)
    equal(found, uid)
    key = run.client.get(uid).value
    equal(code, hmac.new(key, b"text", hashlib.sha256).digest())


def derived(run, base, method, parameters, length=128, **kwargs):
    uid = run.client.derive_key(
        TYPE.SYMMETRIC_KEY,
        [base],
        method,
        parameters,
        cryptographic_length=length,
        cryptographic_algorithm=enums.CryptographicAlgorithm.AES,
        cryptographic_usage_mask=[MASK.ENCRYPT, MASK.DECRYPT],
        **kwargs
    )
    return run.client.get(uid).value


def registered(run, material, mask):
    key = objects.SymmetricKey(
        enums.CryptographicAlgorithm.AES, len(material) * 8, material, masks=[mask], name=run.name("base")
    )
    return run.client.register(key)


@call
def derive_key(run):
    base = registered(run, AES_KEY, MASK.DERIVE_KEY)
    run.client.activate(base)
    sha256 = {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}
    methods = enums.DerivationMethod
    equal(
        derived(run, base, methods.HASH, {"cryptographic_parameters": sha256}, 256),
        hashlib.sha256(AES_KEY).digest(),
    )
    equal(
        derived(
            run, base, methods.HMAC, {"cryptographic_parameters": sha256, "derivation_data": b"data"}, 256
        ),
        hmac.new(AES_KEY, b"data", hashlib.sha256).digest(),
    )
    equal(
        derived(
            run,
            base,
            methods.PBKDF2,
            {"cryptographic_parameters": sha256, "salt": b"salt1234", "iteration_count": 1000},
        ),
        hashlib.pbkdf2_hmac("sha256", AES_KEY, b"salt1234", 1000, 16),
    )
    cbc = {"block_cipher_mode": enums.BlockCipherMode.CBC, "padding_method": enums.PaddingMethod.NONE}
    if uses_keys(run):
        cbc["cryptographic_algorithm"] = enums.CryptographicAlgorithm.AES
    encrypted = {
        "cryptographic_parameters": cbc,
        "derivation_data": bytes(16),
        "initialization_vector": bytes(16),
    }
    cipher = Cipher(algorithms.AES(AES_KEY), modes.CBC(bytes(16))).encryptor()
    equal(derived(run, base, methods.ENCRYPT, encrypted), cipher.update(bytes(16)) + cipher.finalize())
    counter = {"cryptographic_parameters": sha256, "derivation_data": b"fixed"}
    equal(len(derived(run, base, methods.NIST800_108_C, counter)), 16)


@call
def derive_secret_data(run):
    base = registered(run, AES_KEY, MASK.DERIVE_KEY)
    run.client.activate(base)
    uid = run.client.derive_key(
        TYPE.SECRET_DATA,
        [base],
        enums.DerivationMethod.HASH,
        {"cryptographic_parameters": {"hashing_algorithm": enums.HashingAlgorithm.SHA_256}},
        cryptographic_length=256,
        cryptographic_usage_mask=[MASK.DERIVE_KEY],
    )
    equal(run.client.get(uid).value, hashlib.sha256(AES_KEY).digest())


@call
def rekey_key_pair(run):
    public, private = run.client.create_key_pair(
        enums.CryptographicAlgorithm.RSA,
        2048,
        public_usage_mask=[MASK.VERIFY],
        private_usage_mask=[MASK.SIGN],
    )
    if run.version == enums.KMIPVersion.KMIP_1_0:
        return  # It came with KMIP 1.1.
    result = run.client.proxy.rekey_key_pair(private_key_uuid=attributes.PrivateKeyUniqueIdentifier(private))
    equal(result.result_status.value, enums.ResultStatus.SUCCESS)
    holds(result.private_key_uuid not in (private, public), "it is the same key")
    holds(result.public_key_uuid not in (private, public), "it is the same key")


@call
def rekey(run):
    name = run.name("rekey")
    old = run.create(name=name)
    run.client.activate(old)
    new = run.client.rekey(old)
    holds(new != old, "it is the same key")
    equal(run.find((ATTRIBUTE.NAME, name)), [new])
    equal(run.state(old), STATE.ACTIVE)
    holds(run.client.get(new).value != run.client.get(old).value, "the new key has the old one's bytes")


@call
def rekey_with_offset(run):
    old = run.create(name=run.name("offset"))
    run.client.activate(old)
    new = run.client.rekey(old, offset=3600)
    initial = run.value(new, "Initial Date")
    equal(run.value(new, "Activation Date"), initial + 3600)
    equal(run.state(new), STATE.PRE_ACTIVE)


@call
def rekey_with_dates(run):
    old = run.create()
    now = int(time.time())
    new = run.client.rekey(old, activation_date=now + 1000, deactivation_date=now + 9000)
    equal(run.value(new, "Activation Date"), now + 1000)
    equal(run.value(new, "Deactivation Date"), now + 9000)


def named(text):
    return attributes.Name.create(text, enums.NameType.UNINTERPRETED_TEXT_STRING)


@call
def modify_attribute(run):
    before, after = run.name("before"), run.name("after")
    uid = run.create(name=before)
    if run.is_2:
        run.client.modify_attribute(
            uid,
            current_attribute=core_objects.CurrentAttribute(named(before)),
            new_attribute=core_objects.NewAttribute(named(after)),
        )
    else:
        answered, attribute = run.client.modify_attribute(
            uid, attribute=FACTORY.create_attribute(ATTRIBUTE.NAME, after, 0)
        )
        equal(answered, uid)
        equal(str(attribute.attribute_value), after)
    equal(run.find((ATTRIBUTE.NAME, before)), [])
    equal(run.find((ATTRIBUTE.NAME, after)), [uid])


@call
def delete_attribute(run):
    name = run.name("deleted")
    uid = run.create(name=name)
    if run.is_2:
        answered, _ = run.client.delete_attribute(
            uid, current_attribute=core_objects.CurrentAttribute(named(name))
        )
    else:
        answered, attribute = run.client.delete_attribute(uid, attribute_name="Name", attribute_index=0)
        equal(str(attribute.attribute_value), name)
    equal(answered, uid)
    equal(run.find((ATTRIBUTE.NAME, name)), [])


@call
def delete_attribute_by_reference(run):
    if not run.is_2:
        return
    name = run.name("deleted")
    uid = run.create(name=name)
    reference = core_objects.AttributeReference(vendor_identification="", attribute_name="Name")
    run.client.delete_attribute(uid, attribute_reference=reference)
    equal(run.find((ATTRIBUTE.NAME, name)), [])


@call
def set_attribute(run):
    if not run.is_2:
        return
    uid = run.create()
    equal(run.client.set_attribute(uid, attribute_name="Sensitive", attribute_value=True), uid)
    equal(run.value(uid, "Sensitive"), True)
    equal(run.client.set_attribute(uid, attribute_name="Object Group", attribute_value="payroll"), uid)
    equal(run.value(uid, "Object Group"), "payroll")


@call
def query(run):
    functions = [
        enums.QueryFunction.QUERY_OPERATIONS,
        enums.QueryFunction.QUERY_OBJECTS,
        enums.QueryFunction.QUERY_SERVER_INFORMATION,
        enums.QueryFunction.QUERY_APPLICATION_NAMESPACES,
    ]
    if run.version != enums.KMIPVersion.KMIP_1_0:
        functions += [
            enums.QueryFunction.QUERY_EXTENSION_LIST,
            enums.QueryFunction.QUERY_EXTENSION_MAP,
        ]
    result = run.client.proxy.query(query_functions=functions)
    equal(result.result_status.value, enums.ResultStatus.SUCCESS)
    for expected in ("CREATE", "CREATE_KEY_PAIR", "REGISTER", "GET", "LOCATE", "ACTIVATE", "REVOKE", "DESTROY"):
        holds(enums.Operation[expected] in result.operations, "Query does not tell of " + expected)
    for expected in ("SYMMETRIC_KEY", "PUBLIC_KEY", "PRIVATE_KEY", "SECRET_DATA", "OPAQUE_DATA", "CERTIFICATE"):
        holds(TYPE[expected] in result.object_types, "Query does not tell of " + expected)
    equal(str(result.vendor_identification), "Holdfast")


@call
def discover_versions(run):
    if run.version == enums.KMIPVersion.KMIP_1_0:
        return
    result = run.client.proxy.discover_versions()
    equal(result.result_status.value, enums.ResultStatus.SUCCESS)
    spoken = [(version.major, version.minor) for version in result.protocol_versions]
    equal(spoken, [(2, 1), (2, 0), (1, 4), (1, 3), (1, 2), (1, 1), (1, 0)])
    result = run.client.proxy.discover_versions(protocol_versions=[ProtocolVersion(1, 2), ProtocolVersion(3, 0)])
    equal([(version.major, version.minor) for version in result.protocol_versions], [(1, 2)])


@call
def unregistered_password_is_ignored(run):
    proxy = run.client.proxy
    earlier = (proxy.username, proxy.password)
    proxy.username, proxy.password = "nobody", "knows"
    try:
        run.create()
    finally:
        proxy.username, proxy.password = earlier


@call
def refusals_are_understood(run):
    try:
        run.client.get("no such object")
        raise AssertionError("it was found")
    except exceptions.KmipOperationFailure as error:
        holds(error.reason is not None and error.message, "the refusal says nothing")
    try:
        run.client.create(enums.CryptographicAlgorithm.AES, 7)
        raise AssertionError("a key of 7 bits was made")
    except exceptions.KmipOperationFailure as error:
        holds(error.message, "the refusal says nothing")


def main():
    logging.disable(logging.CRITICAL)
    host, port, cert, key, ca = sys.argv[1:6]
    keys = Keys()
    report = {}
    for version in enums.KMIPVersion:
        client = ProxyKmipClient(
            hostname=host,
            port=int(port),
            cert=cert,
            key=key,
            ca=ca,
            ssl_version="PROTOCOL_TLSv1_2",
            kmip_version=version,
        )
        outcome = report[version.name] = {}
        with client:
            run = Run(client, version, keys)
            for function in CALLS:
                try:
                    function(run)
                    outcome[function.__name__] = None
                except Exception:  # Whatever it is, it goes into the report.
                    outcome[function.__name__] = traceback.format_exc(limit=-3)
    json.dump(report, sys.stdout)


main()
