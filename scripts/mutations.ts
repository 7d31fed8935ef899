import { aggregation } from './mutations/aggregation.ts';
import { durability } from './mutations/durability.ts';
import { edges } from './mutations/edges.ts';
import { historic } from './mutations/historic.ts';
import type { Mutation } from './mutations/mutation.ts';
import { simulation } from './mutations/simulation.ts';

/**
 * Deliberate defects: those of the system that this one descends from (F1 to F14, and some without a number), and some
 * that were found here. `scripts/mutation-check.ts` tries them; a test sees to it that each still fits the sources.
 */
export const mutations: readonly Mutation[] = [...historic, ...aggregation, ...durability, ...edges, ...simulation];
