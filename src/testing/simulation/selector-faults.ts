import type { CoreOptions } from '../../core.ts';
import type { World } from './world.ts';

type Policy = NonNullable<CoreOptions['policy']>;

/** The longest a late policy takes, ms: longer than it is waited for. */
const lateMsMax = 8_000;

/** What a policy throws when the fault strikes; the system rightly tells of it. */
export class PolicyFailed extends Error {
  override readonly name = 'PolicyFailed';
}

/** How many of those that were named before are named again. */
const namedAgainMax = 20;

/** A policy that fails in all the ways in which one can. */
export function unreliable(world: World, policy: Policy): Policy {
  /** Whom it named before: most of them are at work, or gone. */
  let before: readonly string[] = [];
  const remember = (clientIds: readonly string[]) => {
    before = [...clientIds, ...before].slice(0, namedAgainMax);
  };
  return (request) => {
    if (!world.strikes('selector', 0.3)) {
      const answer = policy(request);
      if (!('then' in answer)) remember('clientIds' in answer ? answer.clientIds : answer);
      return answer;
    }
    const chance = world.chance('selector');
    const way = chance.pick(['throws', 'rejects', 'late', 'strangers', 'nobody'] as const);
    world.note('fault', `the selection policy ${way}`);
    switch (way) {
      case 'throws':
        throw new PolicyFailed();
      case 'rejects':
        return Promise.reject(new PolicyFailed());
      case 'late':
        return new Promise((resolve, reject) => {
          world.scheduler.after(chance.between(0, lateMsMax), () => {
            world.touch();
            Promise.resolve(policy(request)).then(resolve, reject);
          });
        });
      case 'strangers': {
        const chosen = [...request.candidates.sample(request.count, request.random)];
        const named = ['no id at all', ...before, ...chosen, ...chosen, '00000000-0000-8000-8000-000000000000'];
        remember(chosen);
        return named;
      }
      case 'nobody':
        return [];
    }
  };
}
