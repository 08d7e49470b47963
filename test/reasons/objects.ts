import { Operation, Tag, type OperationName } from '@holdfast/kmip';
import {
  bytes,
  dateTime,
  enumeration,
  integer,
  structure,
  text,
  uniqueIdentifier,
  type RequestItem,
} from '@holdfast/testkit';
import { ItemType, type Item } from '@holdfast/ttlv';
import { making } from './making';
import {
  CBC,
  about,
  data,
  attributes,
  foreignNamespace,
  group,
  isOlder,
  name,
  one,
  parameters,
  type Mistake,
  type Site,
  type Version,
} from './pieces';

/** Mistakes in requests about an object that exists, and right ones of the operations that the life cycle's tests leave out. */

type About = (identifier: string, version: Version) => RequestItem;
const SIGNING = parameters(enumeration(Tag.DigitalSignatureAlgorithm, 5));
/** A request about the object that is named. */
export const ABOUT: Partial<Record<OperationName, About>> = {
  Export: (identifier) => about(Operation.Export, identifier),
  Certify: (identifier) => about(Operation.Certify, identifier),
  ReCertify: (identifier) => about(Operation.ReCertify, identifier),
  Validate: (identifier) => about(Operation.Validate, identifier),
  ReKeyKeyPair: (identifier) => ({
    operation: Operation.ReKeyKeyPair,
    payload: [{ ...uniqueIdentifier(identifier), tag: Tag.PrivateKeyUniqueIdentifier }],
  }),
  JoinSplitKey: (identifier) => ({
    operation: Operation.JoinSplitKey,
    payload: [enumeration(Tag.ObjectType, 2), uniqueIdentifier(identifier)],
  }),
};
/** Objects with which the operation succeeds, where it is not the symmetric key. */
export const FITTING: Partial<Record<OperationName, (site: Site) => string>> = {
  Certify: ({ publicKey }) => publicKey,
  ReCertify: ({ certificate }) => certificate,
  Validate: ({ certificate }) => certificate,
  ReKeyKeyPair: ({ privateKey }) => privateKey,
  Sign: ({ privateKey }) => privateKey,
  SignatureVerify: ({ publicKey }) => publicKey,
};

const wrapping = (wrappingKey: string, ...further: readonly Item[]): Item =>
  structure(
    Tag.KeyWrappingSpecification,
    enumeration(Tag.WrappingMethod, 1),
    structure(Tag.EncryptionKeyInformation, uniqueIdentifier(wrappingKey)),
    ...further,
  );
const bareWithNames = [text(Tag.AttributeName, 'Name'), enumeration(Tag.EncodingOption, 1)];

/** Mistakes that Get and Export have in common. */
const presentation = (['Get', 'Export'] as const).flatMap((operation): readonly Mistake[] => {
  const same = (older: string, newer: string) => [older, newer, newer] as const;
  const code = Operation[operation];
  return [
    {
      operation,
      what: 'attributes with bare key material',
      reasons: same('EncodingOptionError', 'EncodingOptionError'),
      make: ({ key }) => about(code, key, wrapping(key, ...bareWithNames)),
    },
    {
      operation,
      what: 'a wrapping key that may not wrap',
      reasons: same('PermissionDenied', 'IncompatibleCryptographicUsageMask'),
      make: ({ key, useless }) => about(code, key, wrapping(useless)),
    },
    {
      operation,
      what: 'a wrapping key that is archived',
      reasons: same('', 'WrappingObjectArchived'),
      make: ({ key, archived }) => about(code, key, wrapping(archived)),
    },
    {
      operation,
      what: 'a wrapping key that was destroyed',
      reasons: same('', 'WrappingObjectDestroyed'),
      make: ({ key, destroyed }) => about(code, key, wrapping(destroyed)),
    },
    {
      operation,
      what: 'a wrapping key that there is not',
      reasons: same('ItemNotFound', 'WrappingObjectNotFound'),
      make: ({ key }) => about(code, key, wrapping('nothing')),
    },
    {
      operation,
      what: 'an object without a key to wrap',
      reasons: same('IllegalOperation', 'InvalidObjectType'),
      make: ({ key, of }) => about(code, of.Certificate, wrapping(key)),
    },
    {
      operation,
      what: 'a format that the key does not have',
      reasons: same('KeyFormatTypeNotSupported', 'KeyFormatTypeNotSupported'),
      make: ({ key }) => about(code, key, enumeration(Tag.KeyFormatType, 5)),
    },
    {
      operation,
      what: 'a compression that the key does not have',
      reasons: same('', 'KeyCompressionTypeNotSupported'),
      make: ({ key }) => about(code, key, enumeration(Tag.KeyCompressionType, 2)),
    },
    {
      operation,
      what: 'a mode in which the wrapping key does not wrap',
      reasons: same('', 'BadCryptographicParameters'),
      make: ({ key, tied }) =>
        about(
          code,
          key,
          structure(
            Tag.KeyWrappingSpecification,
            enumeration(Tag.WrappingMethod, 1),
            structure(Tag.EncryptionKeyInformation, uniqueIdentifier(tied), CBC),
          ),
        ),
    },
    {
      operation,
      what: 'a value that is kept elsewhere, wrapped',
      reasons: same('', 'KeyValueNotPresent'),
      make: ({ key, valueless }) => about(code, valueless, wrapping(key)),
    },
    {
      operation,
      what: 'a key that does not leave in clear',
      reasons: same('Sensitive', 'Sensitive'),
      make: ({ sensitive }) => about(code, sensitive),
    },
    {
      operation,
      what: 'a key that does not leave',
      reasons: same('NotExtractable', 'NotExtractable'),
      make: ({ kept }) => about(code, kept),
    },
  ];
});

/** Cryptographic operations and what they are given besides the key and its parameters. */
const GIVEN = {
  Encrypt: [data],
  Decrypt: [data],
  MAC: [data],
  MACVerify: [data, bytes(Tag.MACData, Buffer.alloc(32))],
  Sign: [data],
  SignatureVerify: [data, bytes(Tag.SignatureData, Buffer.alloc(256))],
} as const;
const cryptographic = (Object.keys(GIVEN) as (keyof typeof GIVEN)[]).flatMap(
  (operation): readonly Mistake[] => {
    const both = (reason: string) => ['', reason, reason] as const;
    const isPair = operation === 'Sign' || operation === 'SignatureVerify';
    const keyOf = ({ key, privateKey, publicKey }: Site) =>
      isPair ? (operation === 'Sign' ? privateKey : publicKey) : key;
    const isMac = operation.startsWith('MAC');
    const unsupportedMode = isPair
      ? parameters(enumeration(Tag.PaddingMethod, 5), enumeration(Tag.HashingAlgorithm, 6))
      : parameters(enumeration(Tag.BlockCipherMode, 7));
    const mistakes: Mistake[] = [
      {
        operation,
        what: 'parameters that such a key does not have',
        // Encrypt at 2.0: see the exclusions. A signature that does not fit its key is an invalid one.
        reasons:
          operation === 'SignatureVerify'
            ? ['', '', '']
            : ['', operation === 'Encrypt' ? '' : 'BadCryptographicParameters', 'BadCryptographicParameters'],
        make: (site) =>
          about(
            Operation[operation],
            keyOf(site),
            isPair
              ? parameters(enumeration(Tag.DigitalSignatureAlgorithm, 16))
              : isMac
                ? parameters(enumeration(Tag.CryptographicAlgorithm, 4))
                : parameters(enumeration(Tag.BlockCipherMode, 9), integer(Tag.TagLength, 3)),
            ...GIVEN[operation],
            ...(isMac || isPair ? [] : [bytes(Tag.IVCounterNonce, Buffer.alloc(12))]),
          ),
      },
    ];
    if (!isMac)
      mistakes.push({
        operation,
        what: 'parameters that are not supported',
        reasons: both('UnsupportedCryptographicParameters'),
        make: (site) => about(Operation[operation], keyOf(site), unsupportedMode, ...GIVEN[operation]),
      });
    if (isPair)
      mistakes.push(
        {
          operation,
          what: 'a use that the mask does not allow',
          reasons: [
            'PermissionDenied',
            'IncompatibleCryptographicUsageMask',
            'IncompatibleCryptographicUsageMask',
          ],
          make: ({ uselessPair }) =>
            about(
              Operation[operation],
              operation === 'Sign' ? uselessPair.privateKey : uselessPair.publicKey,
              SIGNING,
              ...GIVEN[operation],
            ),
        },
        {
          operation,
          what: 'a stream that there is not',
          reasons: ['ItemNotFound', 'InvalidCorrelationValue', 'InvalidCorrelationValue'],
          make: (site) =>
            about(
              Operation[operation],
              keyOf(site),
              SIGNING,
              ...GIVEN[operation].slice(0, 1),
              bytes(Tag.CorrelationValue, Buffer.alloc(16, 9)),
              ...GIVEN[operation].slice(1),
            ),
        },
      );
    if (['Encrypt', 'MAC', 'Sign'].includes(operation))
      mistakes.push({
        operation,
        what: 'no uses left',
        reasons: both('UsageLimitExceeded'),
        make: ({ spent, spentPrivate }) =>
          about(
            Operation[operation],
            operation === 'Sign' ? spentPrivate : spent,
            operation === 'Sign'
              ? SIGNING
              : operation === 'MAC'
                ? parameters(enumeration(Tag.CryptographicAlgorithm, 10))
                : parameters(enumeration(Tag.BlockCipherMode, 2), enumeration(Tag.PaddingMethod, 1)),
            ...GIVEN[operation],
          ),
      });
    return mistakes;
  },
);

const unknown: readonly [string, Item] = ['Key Block', structure(Tag.KeyBlock)];
const vendor = (title: string): Item =>
  structure(Tag.AttributeReference, text(Tag.VendorIdentification, 'x'), text(Tag.AttributeName, title));
const adjust = (key: string, reference: Item, ...further: readonly Item[]): RequestItem =>
  about(Operation.AdjustAttribute, key, reference, enumeration(Tag.AdjustmentType, 1), ...further);

const attributeMistakes: readonly Mistake[] = [
  {
    operation: 'AddAttribute',
    what: 'a namespace without data',
    reasons: [
      'ApplicationNamespaceNotSupported',
      'ApplicationNamespaceNotSupported',
      'ApplicationNamespaceNotSupported',
    ],
    make: ({ key }, version) => about(Operation.AddAttribute, key, one(version, foreignNamespace)),
  },
  {
    operation: 'AddAttribute',
    what: 'no such attribute',
    reasons: ['', 'InvalidAttribute', 'InvalidAttribute'],
    make: ({ key }, version) => about(Operation.AddAttribute, key, one(version, unknown)),
  },
  {
    operation: 'ModifyAttribute',
    what: 'a name that is taken',
    reasons: ['IllegalOperation', 'NonUniqueNameAttribute', 'NonUniqueNameAttribute'],
    make: ({ named: key, takenName }, version) =>
      about(Operation.ModifyAttribute, key, one(version, name(takenName))),
  },
  {
    operation: 'ModifyAttribute',
    what: 'a value that is not there',
    reasons: ['', 'AttributeInstanceNotFound', 'AttributeInstanceNotFound'],
    make: ({ key }) =>
      about(
        Operation.ModifyAttribute,
        key,
        structure(Tag.CurrentAttribute, group[1]),
        structure(Tag.NewAttribute, text(Tag.ObjectGroup, 'y')),
      ),
  },
  {
    operation: 'DeleteAttribute',
    what: 'a value that is not there',
    reasons: ['', 'AttributeInstanceNotFound', 'AttributeInstanceNotFound'],
    make: ({ key }) => about(Operation.DeleteAttribute, key, structure(Tag.CurrentAttribute, group[1])),
  },
  {
    operation: 'DeleteAttribute',
    what: 'an attribute that has to be there',
    reasons: ['PermissionDenied', 'InvalidAttribute', 'InvalidAttribute'],
    make: ({ key }, version) =>
      about(
        Operation.DeleteAttribute,
        key,
        isOlder(version)
          ? text(Tag.AttributeName, 'Cryptographic Usage Mask')
          : structure(Tag.CurrentAttribute, structure(Tag.KeyBlock)),
      ),
  },
  {
    operation: 'SetAttribute',
    what: 'a name that is taken',
    reasons: ['', 'NonUniqueNameAttribute', 'NonUniqueNameAttribute'],
    make: ({ named: key, takenName }, version) =>
      about(Operation.SetAttribute, key, one(version, name(takenName))),
  },
  {
    operation: 'Locate',
    what: 'no such attribute',
    reasons: ['', 'InvalidAttribute', 'InvalidAttribute'],
    make: () => ({
      operation: Operation.Locate,
      payload: [structure(Tag.Attributes, structure(Tag.KeyBlock))],
    }),
  },
  {
    operation: 'AdjustAttribute',
    what: 'a text',
    reasons: ['', 'InvalidDataType', 'InvalidDataType'],
    make: ({ key }) => adjust(key, vendor('mark')),
  },
  {
    operation: 'AdjustAttribute',
    what: 'an attribute with several values',
    reasons: ['', 'MultiValuedAttribute', 'MultiValuedAttribute'],
    make: ({ key }) => adjust(key, enumeration(Tag.AttributeReference, Tag.ObjectGroup)),
  },
  {
    operation: 'AdjustAttribute',
    what: 'a value that is too large',
    reasons: ['', 'NumericRange', 'NumericRange'],
    make: ({ key }) => adjust(key, vendor('count'), integer(Tag.AdjustmentValue, 0x7fff_ffff)),
  },
  {
    operation: 'AdjustAttribute',
    what: 'an attribute that the server sets',
    reasons: ['', 'ReadOnlyAttribute', 'ReadOnlyAttribute'],
    make: ({ key }) => adjust(key, enumeration(Tag.AttributeReference, Tag.LeaseTime)),
  },
  {
    operation: 'AdjustAttribute',
    what: 'no such attribute',
    reasons: ['', 'UnsupportedAttribute', 'UnsupportedAttribute'],
    make: ({ key }) => adjust(key, enumeration(Tag.AttributeReference, Tag.KeyBlock)),
  },
  ...(['ModifyAttribute', 'SetAttribute', 'AdjustAttribute'] as const).map((operation): Mistake => ({
    operation,
    what: 'an attribute whose time is over',
    reasons: ['', '', 'WrongKeyLifecycleState'],
    make: ({ key }) =>
      operation === 'AdjustAttribute'
        ? adjust(key, enumeration(Tag.AttributeReference, Tag.ActivationDate))
        : about(Operation[operation], key, structure(Tag.NewAttribute, dateTime(Tag.ActivationDate, 1))),
  })),
];

const otherMistakes: readonly Mistake[] = [
  {
    operation: 'Check',
    what: 'an object without a life cycle',
    reasons: ['IllegalOperation', 'IllegalObjectType', 'IllegalObjectType'],
    make: ({ template }) => about(Operation.Check, template),
  },
  ...(['Activate', 'Revoke'] as const).map((operation): Mistake => ({
    operation,
    what: 'an object without a life cycle',
    reasons: ['IllegalOperation', 'InvalidObjectType', 'InvalidObjectType'],
    make: ({ template }) =>
      about(
        Operation[operation],
        template,
        ...(operation === 'Revoke'
          ? [structure(Tag.RevocationReason, enumeration(Tag.RevocationReasonCode, 5))]
          : []),
      ),
  })),
  ...(['Certify', 'ReCertify', 'Validate', 'ReKeyKeyPair', 'JoinSplitKey'] as const).flatMap(
    (operation): readonly Mistake[] => [
      {
        operation,
        what: 'an object of another type',
        reasons: ['', 'InvalidObjectType', 'InvalidObjectType'],
        make: ({ key, certificate }, version) =>
          ABOUT[operation]?.(operation === 'ReKeyKeyPair' ? certificate : key, version) as RequestItem,
      },
    ],
  ),
  ...(['ReKey', 'Certify', 'ReCertify', 'ReKeyKeyPair'] as const).map((operation): Mistake => ({
    operation,
    what: 'a namespace without data',
    reasons: ['ApplicationNamespaceNotSupported', '', ''],
    make: (site, version) => {
      const identifier = FITTING[operation]?.(site) ?? site.key;
      const item = ABOUT[operation]?.(identifier, version) ?? about(Operation[operation], identifier);
      const wanted = attributes(version, [foreignNamespace]);
      const tag = operation === 'ReKeyKeyPair' ? Tag.CommonTemplateAttribute : wanted.tag;
      return { ...item, payload: [...item.payload, { ...wanted, tag }] };
    },
  })),
  ...(['Certify', 'ReCertify'] as const).flatMap((operation): readonly Mistake[] => [
    {
      operation,
      what: 'what is no certificate request',
      reasons: ['InvalidField', 'InvalidCSR', 'InvalidCSR'],
      make: (site, version) =>
        about(
          Operation[operation],
          FITTING[operation]?.(site) ?? '',
          enumeration(Tag.CertificateRequestType, 2),
          bytes(isOlder(version) ? Tag.CertificateRequest : Tag.CertificateRequestValue, Buffer.alloc(9)),
        ),
    },
    {
      operation,
      what: 'a storage that there is not',
      reasons: ['', 'ProtectionStorageUnavailable', 'ProtectionStorageUnavailable'],
      make: (site) =>
        about(
          Operation[operation],
          FITTING[operation]?.(site) ?? '',
          structure(Tag.ProtectionStorageMasks, integer(Tag.ProtectionStorageMask, 0x20)),
        ),
    },
  ]),
  ...(['Private', 'Public'] as const).map((half): Mistake => ({
    operation: 'ReKeyKeyPair',
    what: 'a storage that there is not',
    reasons: ['', `${half}ProtectionStorageUnavailable`, `${half}ProtectionStorageUnavailable`],
    make: (site, version) => {
      const item = ABOUT.ReKeyKeyPair?.(site.privateKey, version) as RequestItem;
      return {
        ...item,
        payload: [
          ...item.payload,
          structure(Tag[`${half}ProtectionStorageMasks`], integer(Tag.ProtectionStorageMask, 0x20)),
        ],
      };
    },
  })),
  {
    operation: 'CreateSplitKey',
    what: 'a type that is no Split Key',
    reasons: ['InvalidField', 'InvalidObjectType', 'InvalidObjectType'],
    make: () => ({
      operation: Operation.CreateSplitKey,
      payload: [
        enumeration(Tag.ObjectType, 2),
        integer(Tag.SplitKeyParts, 2),
        integer(Tag.SplitKeyThreshold, 2),
        enumeration(Tag.SplitKeyMethod, 1),
        structure(Tag.Attributes),
      ],
    }),
  },
  {
    operation: 'CreateSplitKey',
    what: 'a key that there is not',
    reasons: ['ItemNotFound', 'ItemNotFound', 'ItemNotFound'],
    make: (_site, version) => ({
      operation: Operation.CreateSplitKey,
      payload: [
        enumeration(Tag.ObjectType, 5),
        uniqueIdentifier('nothing'),
        integer(Tag.SplitKeyParts, 2),
        integer(Tag.SplitKeyThreshold, 2),
        enumeration(Tag.SplitKeyMethod, 1),
        structure(isOlder(version) ? Tag.TemplateAttribute : Tag.Attributes),
      ],
    }),
  },
  {
    operation: 'CreateSplitKey',
    what: 'a field that is not prime',
    reasons: ['', 'BadCryptographicParameters', 'BadCryptographicParameters'],
    make: (site, version) => {
      const [type, parts, threshold, , attributes] = making('CreateSplitKey', site, version).payload;
      const field = { tag: Tag.PrimeFieldSize, type: ItemType.BigInteger, value: 15n } as const;
      const method = enumeration(Tag.SplitKeyMethod, 3);
      const members = [type, parts, threshold, method, field, attributes];
      return {
        operation: Operation.CreateSplitKey,
        payload: members.filter((member) => member !== undefined),
      };
    },
  },
  {
    operation: 'Import',
    what: 'an identifier that is there',
    reasons: ['ObjectAlreadyExists', 'ObjectAlreadyExists', 'ObjectAlreadyExists'],
    make: (site, version) => {
      const item = making('Import', site, version);
      return { ...item, payload: [uniqueIdentifier(site.key), ...item.payload.slice(1)] };
    },
  },
  {
    operation: 'Query',
    what: 'a group that there is not',
    reasons: ['', '', 'UnknownObjectGroup'],
    make: () => ({
      operation: Operation.Query,
      payload: [
        enumeration(Tag.QueryFunction, 1),
        structure(Tag.ObjectGroups, text(Tag.ObjectGroup, 'nothing')),
      ],
    }),
  },
  {
    operation: 'Logout',
    what: 'a ticket of nobody',
    reasons: ['', 'InvalidTicket', 'InvalidTicket'],
    make: () => ({
      operation: Operation.Logout,
      payload: [
        structure(Tag.Ticket, enumeration(Tag.TicketType, 1), bytes(Tag.TicketValue, Buffer.alloc(16))),
      ],
    }),
  },
  ...(
    [
      ['PKCS_11InvalidFunction', [enumeration(Tag.PKCS_11Function, 93)]],
      [
        'PKCS_11InvalidInterface',
        [text(Tag.PKCS_11Interface, 'Vendor'), enumeration(Tag.PKCS_11Function, 1)],
      ],
      [
        'PKCS_11CodecError',
        [enumeration(Tag.PKCS_11Function, 1), bytes(Tag.PKCS_11InputParameters, Buffer.alloc(0))],
      ],
      [
        'InvalidAsynchronousCorrelationValue',
        [enumeration(Tag.PKCS_11Function, 3), bytes(Tag.CorrelationValue, Buffer.from('none'))],
      ],
    ] as const
  ).map(([reason, payload]): Mistake => ({
    operation: 'PKCS_11',
    what: 'what PKCS#11 does not have',
    reasons: ['', reason, reason],
    make: () => ({ operation: Operation.PKCS_11, payload }),
  })),
  {
    operation: 'ObtainLease',
    what: 'no uses left',
    reasons: ['', 'UsageLimitExceeded', 'UsageLimitExceeded'],
    make: ({ spent }) => about(Operation.ObtainLease, spent),
  },
];

export const OBJECT_MISTAKES: readonly Mistake[] = [
  ...presentation,
  ...cryptographic,
  ...attributeMistakes,
  ...otherMistakes,
];
