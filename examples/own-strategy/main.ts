import { runExample } from './run.ts';

await runExample((line) => console.log(line));
