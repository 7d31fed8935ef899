import type { ClientProfile } from '../../domain/client.ts';

const groups = ['a', 'b', 'c'] as const;

/** A filter that leaves one group out. */
export const groupsFilter = 'attributes.group != "c"';

/** What the attribute is called. */
export const groupAttribute = 'group';

/** What a client tells of itself: groups are of like size, so that plans may choose by them. @param index from 0. */
export const profileOf = (index: number): ClientProfile => ({
  attributes: { [groupAttribute]: groups[index % groups.length] ?? groups[0] },
});

/** Of so many clients, how many the filter lets through. */
export const throughGroupsFilter = (clients: number): number => clients - Math.floor(clients / groups.length);
