// The frame of every page, rendered on the server.
export const metadata = { title: 'Acme Notes', icons: { icon: 'data:,' } };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
