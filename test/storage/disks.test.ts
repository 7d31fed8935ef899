import { describeDisk } from './support/disk-suite.ts';
import { places } from './support/places.ts';

for (const [name, disk] of places) describeDisk(name, disk);
