import type { Tensors } from '../../domain/model.ts';
import type { Plan } from '../../domain/plan.ts';
import { encodeSafetensors } from '../../wire/safetensors.ts';
import type { CrashKind, SimulatedDisk } from './disk.ts';
import type { FaultKind } from './faults.ts';
import type { Server } from './server.ts';
import type { SimClient } from './sim-client.ts';
import type { World } from './world.ts';

export interface SystemFaultsDeps {
  world: World;
  server: Server;
  disk: SimulatedDisk | null;
  clients: readonly SimClient[];
  plan: Plan;
  /** What the operator installs when it is asked for. */
  initialModel: Tensors;
}

/** Time between two strikes of what befalls the server, at full intensity, on average, ms. */
const strikeMsMean = 3_000;
/** Fewer than make the system give the aggregator up. */
const deathsWithoutDiskMax = 7;
/** How long a client that crashed or left stays away on average, as a share of the heartbeat timeout. */
const awayShareMean = 0.7;
/** Disk operations until a crash strikes, on average. */
const crashOperationsMean = 12;
/** How often the operator looks whether the run waits for it, ms. */
const operatorLookMs = 2_000;
/** Longest time the operator lets the run rest, ms. */
const restMsMax = 20_000;
/** Longest time a run waits for its operator, ms. */
export const operatorMsMax = operatorLookMs + restMsMax;

/** Sets going the faults that come by themselves, and the operator who mends what only an operator can. */
export function startSystemFaults(deps: SystemFaultsDeps): void {
  const { world, server, clients, plan, disk } = deps;
  const { trainingWindowMs, heartbeatTimeoutMs } = plan;

  let deaths = 0;
  repeat(world, 'aggregatorDeath', strikeMsMean, () => {
    deaths += 1;
    // Given up, it needs another process.
    if (!disk && deaths >= deathsWithoutDiskMax) return;
    world.note('fault', 'the aggregator dies');
    server.killAggregator();
  });

  const awayMs = (kind: FaultKind) => world.chance(kind).around(awayShareMean * heartbeatTimeoutMs);
  const someone = (kind: FaultKind) => world.chance(kind).pick(clients);
  repeat(world, 'clientCrash', trainingWindowMs / clients.length, () => {
    const client = someone('clientCrash');
    if (client.isAway) return;
    client.crash(world.chance('clientCrash').happens(0.5));
    world.scheduler.after(awayMs('clientCrash'), () => client.comeBack());
  });
  repeat(world, 'leaving', (3 * trainingWindowMs) / clients.length, () => {
    const client = someone('leaving');
    if (client.isAway) return;
    client.leave();
    world.scheduler.after(awayMs('leaving'), () => client.comeBack());
  });

  const crashes: readonly [FaultKind, CrashKind][] = [
    ['processCrash', 'killed'],
    ['powerLoss', 'power'],
  ];
  for (const [fault, kind] of crashes) {
    repeat(world, fault, strikeMsMean, () => {
      const chance = world.chance(fault);
      // Between two events, or at a disk operation: what runs between two of those has no effect outside of the process.
      if (chance.happens(0.3)) server.crash(kind);
      else disk?.crashSoon(kind, Math.floor(chance.around(crashOperationsMean)));
    });
  }
  if (disk) startDiskFaults(world, disk);

  repeat(world, 'clockStep', strikeMsMean, () => {
    const chance = world.chance('clockStep');
    const byMs = Math.round(chance.between(-1, 1) * 10 ** chance.between(1, 7));
    world.note('fault', `the wall clock is set by ${byMs} ms`);
    server.stepWallClock(byMs);
  });

  repeat(world, 'operator', strikeMsMean, () => {
    const { live } = server;
    if (!live) return;
    world.touch();
    const chance = world.chance('operator');
    if (chance.happens(0.5)) {
      const { clientId } = someone('operator');
      if (clientId === null) return;
      world.note('operator', `evicts ${clientId}`);
      ask(() => live.handle.evict(clientId));
    } else {
      world.note('operator', 'pauses the run');
      ask(() => live.handle.pauseRun());
    }
  });
  mendWhatRests(deps);
}

/** Lets the disk be full, or fail, for a while, and be as it should at last. */
function startDiskFaults(world: World, disk: SimulatedDisk): void {
  const spell = (kind: FaultKind, [begin, end]: readonly [string, string], set: (isOn: boolean) => void) =>
    repeat(world, kind, 2 * strikeMsMean, () => {
      world.note('fault', begin);
      set(true);
      world.scheduler.after(world.chance(kind).around(strikeMsMean), () => {
        world.note('fault', end);
        set(false);
      });
    });
  spell('diskFull', ['the disk is full', 'the disk has room again'], (isOn) => disk.fill(isOn));
  spell('diskFails', ['the disk fails', 'the disk works again'], (isOn) => disk.fail(isOn));
  world.scheduler.after(world.faultsUntilMs, () => {
    disk.callOff();
    disk.fill(false);
    disk.fail(false);
  });
}

/** Lets a kind of fault strike again and again, as long as faults strike. @param meanMs between two, at full intensity. */
function repeat(world: World, kind: FaultKind, meanMs: number, strike: () => void): void {
  const intensity = world.intensity(kind);
  if (intensity === 0) return;
  const next = () => {
    world.scheduler.after(world.chance(kind).around(meanMs / intensity), () => {
      if (world.intensity(kind) === 0) return;
      strike();
      next();
    });
  };
  next();
}

/** A run that was paused, by whomever, is resumed after a while; one that waits for its model gets it; one that waited too long is begun anew. */
function mendWhatRests({ world, server, initialModel }: SystemFaultsDeps): void {
  const model = encodeSafetensors(initialModel, {});
  const look = () => {
    world.scheduler.after(operatorLookMs, look);
    const { live } = server;
    if (!live) return;
    world.touch();
    const run = live.handle.run();
    if (live.core.notReady()?.endsWith('failed')) server.crash('killed');
    else if (run?.state === 'awaitingModel') live.handle.installModel(run.run, model).catch(() => undefined);
    else if (run?.state === 'stopped') ask(() => live.handle.startRun());
    else if (run?.state === 'paused') {
      world.scheduler.after(world.chance('resume').between(0, restMsMax), () => {
        world.touch();
        ask(() => server.live?.handle.resumeRun());
      });
    }
  };
  look();
}

/** An operator's command may come too late to apply. */
function ask(command: () => unknown): void {
  try {
    command();
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ChorusError')) throw error;
  }
}
