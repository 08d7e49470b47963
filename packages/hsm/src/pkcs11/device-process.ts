import type { Device } from './device';
import { DeviceFault, faultOf } from './faults';
import type { DeviceCall, FromDevice, ToDevice } from './protocol';

/** The process that holds the vendor's library: whatever happens in there, the server lives on. */

const NOT_BUILT =
  'the package that loads PKCS#11 libraries was not built here: run "npm rebuild" with python3, make and a C++ compiler at hand';

let device: Device | undefined;

function tell(message: FromDevice): void {
  if (process.connected) process.send?.(message);
}

async function open(message: Extract<ToDevice, { kind: 'open' }>): Promise<void> {
  const pin = Buffer.from(message.pin);
  try {
    // Only this process ever loads the native module.
    const { Device: Opened } = await import('./device.js').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
      throw new DeviceFault('refused', NOT_BUILT);
    });
    device = Opened.open(message.target, pin.toString('utf8'), message.mayWrite);
    tell({ kind: 'open' });
  } catch (error) {
    tell({ kind: 'failed', fault: faultOf(error) });
  } finally {
    pin.fill(0);
    message.pin.fill(0);
  }
}

function answer<C extends DeviceCall>({ id, call, input }: Extract<ToDevice, { kind: 'call' }>): void {
  try {
    if (device === undefined) throw new Error('no token is open');
    const handler = device.calls[call as C] as (given: unknown) => unknown;
    const output = handler(input);
    tell({ kind: 'answer', id, output });
    if (output instanceof Uint8Array) output.fill(0);
  } catch (error) {
    tell({ kind: 'refusal', id, fault: faultOf(error) });
  }
  const bytes = (input as { readonly bytes?: unknown } | undefined)?.bytes;
  if (bytes instanceof Uint8Array) bytes.fill(0);
}

process.on('message', (message: ToDevice) => {
  if (message.kind === 'open') void open(message);
  else answer(message);
});
// The pool decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('disconnect', () => process.exit(0));
