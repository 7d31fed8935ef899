import { render } from 'preact';
import { App } from './app.tsx';
import { startLive } from './state/live.ts';

const root = document.getElementById('app');
if (root) render(<App />, root);
startLive();
