/**
 * Loaded into a server before anything else (`--import`): kills its process before or after the n-th time that it does
 * one thing to a file. `CHORUS_TEST_KILL` is `OPERATION FOLDER MOMENT N`, e.g. `write staged after 3`. Operations are
 * `append` (a synchronous write), `write`, `sync`, `syncNow`, `rename` and `remove`; N counts each thread by itself.
 */
import fs, { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [operation, folder, moment, times] = (process.env.CHORUS_TEST_KILL ?? '').split(' ');
let left = Number(times);

const pathOf = (fd) => {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
};
const die = () => process.kill(process.pid, 'SIGKILL');

/** Whether this is the one. */
function isIt(name, path) {
  if (name !== operation || !path.includes(`/${folder}/`)) return false;
  left -= 1;
  return left === 0;
}

function around(name, pathOfCall, act) {
  return function (...args) {
    const kills = isIt(name, pathOfCall.call(this, ...args));
    if (kills && moment === 'before') die();
    const done = act.apply(this, args);
    if (!kills) return done;
    if (!(done instanceof Promise)) die();
    return done.then((value) => {
      die();
      return value;
    });
  };
}

if (operation) {
  fs.writeSync = around('append', (fd) => pathOf(fd), fs.writeSync);
  fs.fdatasyncSync = around('syncNow', (fd) => pathOf(fd), fs.fdatasyncSync);
  promises.rename = around('rename', (from) => String(from), promises.rename);
  promises.rm = around('remove', (path) => String(path), promises.rm);
  const probe = await promises.open(process.execPath, 'r');
  const handle = Object.getPrototypeOf(probe);
  await probe.close();
  const ofHandle = function () {
    return pathOf(this.fd);
  };
  handle.write = around('write', ofHandle, handle.write);
  handle.datasync = around('sync', ofHandle, handle.datasync);
  syncBuiltinESMExports();
}
