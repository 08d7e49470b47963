import {
  Operation,
  Tag,
  byteString,
  openEnumeration,
  optional,
  pkcs_11FunctionEnum,
  pkcs_11ReturnCodeEnum,
  required,
  structure,
  textString,
  type Codec,
} from '@holdfast/kmip';
import { HoldfastError, ItemType } from '@holdfast/ttlv';
import { operation, type OperationContext } from '../operation';
import { ParameterReader } from '../pkcs11/codec';
import { ownerOf, Rv, type Pkcs11Result } from '../pkcs11/call';
import { C_FINALIZE, C_INITIALIZE, FUNCTIONS, LAST_FUNCTION } from '../pkcs11/functions';
import { Pkcs11Library } from '../pkcs11/library';
import { GENERAL_REASONS } from './general-reasons';

/** The default interface (PKCS#11 v3.0 section 5.4). */
const INTERFACE = 'PKCS 11';
const ENCODING_VERSION = 1;

/** An Enumeration for functions of the standard, an Integer for those of vendors, of which there are none. */
const pkcs11Function: Codec<number> = {
  ...openEnumeration,
  table: pkcs_11FunctionEnum,
  decode(item, dialect) {
    if (item.type === ItemType.Integer) throw invalidFunction();
    return openEnumeration.decode(item, dialect);
  },
};

/** Carries out a function of PKCS#11. KMIP Profiles 2.1 section 5.18. */
export const pkcs11 = operation({
  name: 'PKCS_11',
  code: Operation.PKCS_11,
  window: { since: '2.0' },
  section: { v2: '6.1.37' },
  request: structure({
    pkcs11Interface: optional(Tag.PKCS_11Interface, textString),
    pkcs11Function: required(Tag.PKCS_11Function, pkcs11Function),
    correlationValue: optional(Tag.CorrelationValue, byteString),
    inputParameters: optional(Tag.PKCS_11InputParameters, byteString),
  }),
  response: structure({
    pkcs11Interface: optional(Tag.PKCS_11Interface, textString),
    pkcs11Function: required(Tag.PKCS_11Function, pkcs11Function),
    correlationValue: optional(Tag.CorrelationValue, byteString),
    outputParameters: optional(Tag.PKCS_11OutputParameters, byteString),
    returnCode: required(Tag.PKCS_11ReturnCode, { ...openEnumeration, table: pkcs_11ReturnCodeEnum }),
  }),
  access: undefined,
  reasons: [
    'InvalidCorrelationValue',
    'PKCS_11CodecError',
    'PKCS_11InvalidFunction',
    'PKCS_11InvalidInterface',
    'ServerLimitExceeded',
    ...GENERAL_REASONS,
  ],

  async execute({ pkcs11Interface, pkcs11Function: number, correlationValue, inputParameters }, context) {
    if (pkcs11Interface !== undefined && pkcs11Interface !== INTERFACE) {
      throw new HoldfastError('PKCS_11InvalidInterface', `the only interface is "${INTERFACE}"`);
    }
    if (number < C_INITIALIZE || number > LAST_FUNCTION) throw invalidFunction();
    const input = new ParameterReader(inputParameters ?? Buffer.alloc(0));
    const { value, result } = await call(number, correlationValue, input, context);
    return {
      pkcs11Interface,
      pkcs11Function: number,
      correlationValue: value,
      outputParameters: result.output,
      returnCode: result.returnCode,
    };
  },
});

interface Called {
  /** The Correlation Value from now on. */
  readonly value: Buffer | undefined;
  readonly result: Pkcs11Result;
}

async function call(
  number: number,
  value: Buffer | undefined,
  input: ParameterReader,
  context: OperationContext,
): Promise<Called> {
  const { streams } = context.crypto;
  const owner = ownerOf(context);
  if (number === C_INITIALIZE) return initialize(value, input, context);
  if (!FUNCTIONS.has(number) && number !== C_FINALIZE) {
    return { value, result: { returnCode: Rv.FUNCTION_NOT_SUPPORTED } };
  }
  if (value === undefined) return { value, result: { returnCode: Rv.CRYPTOKI_NOT_INITIALIZED } };
  if (number === C_FINALIZE) {
    input.end();
    streams.take(owner, value).stream.destroy();
    return { value: undefined, result: { returnCode: Rv.OK } };
  }
  const { stream: library } = streams.find(owner, value);
  if (!(library instanceof Pkcs11Library)) {
    throw new HoldfastError('InvalidCorrelationValue', 'the Correlation Value belongs to something else');
  }
  const result = (await FUNCTIONS.get(number)?.(input, library, context)) ?? {
    returnCode: Rv.FUNCTION_NOT_SUPPORTED,
  };
  return { value, result };
}

function initialize(value: Buffer | undefined, input: ParameterReader, context: OperationContext): Called {
  const version = input.byte();
  input.end();
  if (value !== undefined) return { value, result: { returnCode: Rv.CRYPTOKI_ALREADY_INITIALIZED } };
  if (version !== ENCODING_VERSION) return { value, result: { returnCode: Rv.ARGUMENTS_BAD } };
  const opened = { stream: new Pkcs11Library(context.crypto.streams), uniqueIdentifier: '' };
  return { value: context.crypto.streams.open(ownerOf(context), opened), result: { returnCode: Rv.OK } };
}

function invalidFunction(): HoldfastError {
  return new HoldfastError('PKCS_11InvalidFunction', 'PKCS#11 has no such function');
}
