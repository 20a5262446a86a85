// A small shop of one page with React Router. Its landing page does what kills attribution elsewhere: it cleans the address at
// once, before anything could be loaded.
import { trailmark } from './trailmark.js';

import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter, Link, Navigate, Route, Routes } from 'react-router';

function Signup() {
  const [result, setResult] = useState();
  const submit = async (event) => {
    event.preventDefault();
    const { email, name } = Object.fromEntries(new FormData(event.target));
    setResult(await trailmark.signup({ customerKey: email, email, name }));
  };
  return (
    <form onSubmit={submit}>
      <h1>Create your account</h1>
      <label>Name <input name="name" /></label>
      <label>E-mail <input name="email" type="email" /></label>
      <button>Create account</button>
      {result && <output data-result>{`${result.status} ${result.conversionId ?? result.code}`}</output>}
    </form>
  );
}

function Welcome() {
  return <h1>Welcome. <Link to="/signup">Sign up</Link></h1>;
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <BrowserRouter>
      <Routes>
        <Route path="/" element={<Navigate to="/welcome" replace />} />
        <Route path="/welcome" element={<Welcome />} />
        <Route path="/signup" element={<Signup />} />
      </Routes>
    </BrowserRouter>
  </StrictMode>,
);
