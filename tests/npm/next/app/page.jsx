// The landing page, rendered on the server; its link is a client-side route change.
import Link from 'next/link';

import { CleanAddress } from './clean.jsx';

export default function Landing() {
  return (
    <main>
      <CleanAddress />
      <h1>Acme Notes. <Link href="/signup">Sign up</Link></h1>
    </main>
  );
}
