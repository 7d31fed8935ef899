export { type Chorus, type ChorusOptions, createCore } from './chorus.ts';
