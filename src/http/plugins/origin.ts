import { BlockList, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Origin } from '../../domain/operations.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

const privateNetworks = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const) {
  privateNetworks.addSubnet(network, prefix);
}
privateNetworks.addSubnet('fc00::', 7, 'ipv6');
privateNetworks.addSubnet('fe80::', 10, 'ipv6');

/** Who asked for what only an operator may, as far as it is written down: the kind of address, not the address. */
export function originOf({ ip }: Pick<FastifyRequest, 'ip'>): Origin {
  const address = ip.replace(/^::ffff:/i, '');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const by = 'admin token';
  if (loopback.check(address, family)) return { by, from: 'loopback' };
  return { by, from: privateNetworks.check(address, family) ? 'private network' : 'public network' };
}
