/**
 * Starts a program of `bench/programs`. TypeScript is loaded from here and not by an option of Node, which worker threads
 * would take over: the server's threads are to be as they are in production.
 */
import { register } from 'tsx/esm/api';

register();
const [file] = process.argv.splice(2, 1);
await import(file);
