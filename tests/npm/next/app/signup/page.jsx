// The signup page: a client component, which Next renders on the server first, where there is no window.
'use client';

import { useState } from 'react';

import { trailmark } from '../../trailmark.js';

export default function Signup() {
  const [result, setResult] = useState();
  const submit = async (form) => {
    const { email, name } = Object.fromEntries(form);
    setResult(await trailmark.signup({ customerKey: email, email, name }));
  };
  return (
    <form action={submit}>
      <h1>Create your account</h1>
      <label>Name <input name="name" /></label>
      <label>E-mail <input name="email" type="email" /></label>
      <button>Create account</button>
      {result && <output data-result>{`${result.status} ${result.conversionId ?? result.code}`}</output>}
    </form>
  );
}
