import { setFlagsFromString } from 'node:v8';

/**
 * Suits V8 to a server, in which nearly every object dies with its request. V8 would conclude from a large batch, whose
 * objects live for a while, that objects made in the same places are better put among the old ones from then on; each
 * request then leaves garbage that only a full collection finds, at a third of all processor time.
 *
 * So little survives a collection of the young objects that waiting for helping threads takes longer than the work does,
 * most of all where the machine is busy.
 */
export function keepObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--no-parallel-scavenge');
}
