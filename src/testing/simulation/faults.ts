import type { RandomStream } from '../../domain/random.ts';

/** Every kind of fault, and what it does. A fault's intensity is from 0 (never) to 1 (as bad as it gets). */
export const faultKinds = {
  delay: 'a message is late, up to half a minute',
  reordering: 'messages take very different times, so that later ones overtake earlier ones',
  loss: 'a request or its answer is lost',
  duplication: 'a request is delivered twice',
  cut: 'the connection of an upload breaks at some byte',
  clientCrash: 'a client crashes, and returns after a while, with or without its id',
  leaving: 'a client leaves, and another comes',
  straggler: 'training takes longer than the window',
  dropout: 'a client takes its ticket and never uploads, while its heartbeats go on',
  notFinite: 'an update holds NaN or infinity',
  malformed: 'an update is no safetensors file, is cut short, or is of another schema',
  impostor: 'a call carries the token or the round of another',
  repetition: 'a client starts or uploads twice, with the same bytes or with others',
  operator: 'an operator pauses and resumes the run, and evicts clients',
  selector: 'the selection policy throws, answers late, or names strangers',
  aggregatorDeath: 'the aggregator dies',
  processCrash: 'the process is killed at any await point: what was written survives',
  powerLoss: 'the machine loses power at any await point: what was not synced may be lost',
  diskFull: 'the disk is full for a while',
  diskFails: 'the disk answers with errors (EIO) for a while',
  diskSlow: 'the disk takes its time',
  diskStalls: 'the disk stands still for seconds',
  clockStep: 'the wall clock jumps',
} as const;

export type FaultKind = keyof typeof faultKinds;
/** Intensities by kind; a kind that is left out never strikes. */
export type Faults = Readonly<Partial<Record<FaultKind, number>>>;

const network: readonly FaultKind[] = ['delay', 'reordering', 'loss', 'duplication', 'cut'];
const clients: readonly FaultKind[] = [
  'clientCrash',
  'leaving',
  'straggler',
  'dropout',
  'notFinite',
  'malformed',
  'impostor',
  'repetition',
];
const server: readonly FaultKind[] = ['operator', 'selector', 'aggregatorDeath'];
const crashes: readonly FaultKind[] = ['processCrash', 'aggregatorDeath'];
const power: readonly FaultKind[] = ['powerLoss', 'processCrash'];
const disk: readonly FaultKind[] = ['diskFull', 'diskFails', 'diskSlow', 'diskStalls', 'processCrash'];

/** Kinds of fault that belong together. */
export const faultProfiles = {
  none: [],
  network,
  clients,
  server,
  crashes,
  power,
  disk,
  clock: ['clockStep', 'delay', 'clientCrash'],
  all: Object.keys(faultKinds) as FaultKind[],
} as const satisfies Record<string, readonly FaultKind[]>;

export type FaultProfile = keyof typeof faultProfiles;

/**
 * Swarm testing: each kind of the profile is switched on or off, and an intensity is drawn for what is on. A run in which
 * some faults never strike reaches states that a run with all of them does not. After Groce et al. 2012.
 */
export function drawFaults(profile: FaultProfile, random: RandomStream): Faults {
  const faults: Partial<Record<FaultKind, number>> = {};
  for (const kind of faultProfiles[profile]) {
    const isOn = random.below(2) === 1;
    const intensity = 2 ** -random.below(6);
    if (isOn) faults[kind] = intensity;
  }
  return faults;
}
