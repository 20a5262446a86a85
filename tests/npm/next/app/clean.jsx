// Cleans the address as soon as the page is hydrated, as many an application does: whoever looks at it later has missed the partner.
'use client';

import { useEffect } from 'react';

export function CleanAddress() {
  useEffect(() => window.history.replaceState(null, '', '/'), []);
  return null;
}
