import { State } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { AttributeSet } from './attribute-set';

/** What moves an object from one state to another (KMIP 1.4 section 3.22, KMIP 2.1 section 4.57). */
export type Transition = 'activate' | 'deactivate' | 'compromise' | 'destroy';

/** The state table. A transition that is not listed is an error. */
const TRANSITIONS: Readonly<Record<Transition, Partial<Record<State, State>>>> = {
  activate: { [State.PreActive]: State.Active },
  deactivate: { [State.Active]: State.Deactivated },
  compromise: {
    [State.PreActive]: State.Compromised,
    [State.Active]: State.Compromised,
    [State.Deactivated]: State.Compromised,
    [State.Compromised]: State.Compromised,
    [State.Destroyed]: State.DestroyedCompromised,
    [State.DestroyedCompromised]: State.DestroyedCompromised,
  },
  destroy: {
    [State.PreActive]: State.Destroyed,
    [State.Deactivated]: State.Destroyed,
    [State.Compromised]: State.DestroyedCompromised,
  },
};

/** Names of the states for messages. */
export const STATE_NAMES: Readonly<Record<State, string>> = {
  [State.PreActive]: 'Pre-Active',
  [State.Active]: 'Active',
  [State.Deactivated]: 'Deactivated',
  [State.Compromised]: 'Compromised',
  [State.Destroyed]: 'Destroyed',
  [State.DestroyedCompromised]: 'Destroyed Compromised',
};

/**
 * The state that a transition leads to.
 * @throws HoldfastError WrongKeyLifecycleState where the table does not list it
 */
export function nextState(from: State, transition: Transition): State {
  const to = TRANSITIONS[transition][from];
  if (to === undefined) {
    throw new HoldfastError(
      'WrongKeyLifecycleState',
      `the object is ${STATE_NAMES[from]}: it cannot ${transition === 'destroy' ? 'be destroyed' : transition}`,
    );
  }
  return to;
}

/**
 * The state at a time: what is stored, moved on by an Activation Date and a Deactivation Date that have passed.
 * Objects without a state (Templates, opaque data) give undefined.
 */
export function stateAt(attributes: AttributeSet, nowSeconds: number): State | undefined {
  let state = attributes.get('State');
  if (state === State.PreActive) {
    const activationDate = attributes.get('ActivationDate');
    if (activationDate !== undefined && activationDate <= nowSeconds) state = State.Active;
  }
  if (state === State.Active) {
    const deactivationDate = attributes.get('DeactivationDate');
    if (deactivationDate !== undefined && deactivationDate <= nowSeconds) state = State.Deactivated;
  }
  return state;
}

/** Whether the object's value is gone. */
export function isDestroyed(state: State | undefined): boolean {
  return state === State.Destroyed || state === State.DestroyedCompromised;
}
