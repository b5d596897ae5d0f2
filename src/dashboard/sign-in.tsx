/** Asks for the admin token, where Ferry was started with one. */
import { useState } from 'preact/hooks';

export function SignIn({ problem, onToken }: { problem: string; onToken: (value: string) => Promise<void> }) {
  const [value, setValue] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (value !== '') void onToken(value);
  };
  return (
    <section class="card sign-in" aria-labelledby="sign-in">
      <h2 id="sign-in">Admin token</h2>
      <p>This Ferry was started with a token. It is kept in this tab only.</p>
      <form onSubmit={submit}>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Continue</button>
      </form>
      {problem !== '' && (
        <p class="refusal" role="alert">
          {problem}
        </p>
      )}
    </section>
  );
}
