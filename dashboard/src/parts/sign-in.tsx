import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { api } from '../api/api.ts';
import { sentenceOf } from '../api/problem.ts';
import { adminToken, keepToken } from '../api/token.ts';
import { Trouble } from './small.tsx';

/** Shows what is inside to who has given the admin token, and asks everybody else for it. */
export function OperatorsOnly({ why, children }: { why: string; children: ComponentChildren }) {
  return adminToken.value === '' ? <SignIn why={why} /> : children;
}

function SignIn({ why }: { why: string }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget as HTMLFormElement).get('token');
    const token = String(given ?? '').trim();
    setBusy(true);
    try {
      await api.checkToken(token);
      keepToken(token);
    } catch (error) {
      setProblem(sentenceOf(error));
      setBusy(false);
    }
  };
  return (
    <form class="sign-in card" onSubmit={(event) => void submit(event)}>
      <h2>Admin token needed</h2>
      <p>{why}</p>
      <label for="token">Admin token</label>
      <div class="row">
        <input id="token" name="token" type="password" autocomplete="off" spellcheck={false} required />
        <button class="primary" type="submit" disabled={isBusy}>
          {isBusy ? 'Checking…' : 'Use it'}
        </button>
      </div>
      <p class="note">
        The server keeps it in its data folder, or was given it as CHORUS_ADMIN_TOKEN. This tab forgets it when it is
        closed.
      </p>
      {problem && <Trouble>{problem}</Trouble>}
    </form>
  );
}

export function SignOut() {
  if (adminToken.value === '') return null;
  return (
    <button class="quiet" type="button" onClick={() => keepToken('')}>
      Forget token
    </button>
  );
}
