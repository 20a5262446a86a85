// Next behind rewrites: the proxy of Trailmark answers under /tm of the application's own host; the test says where it is.
export default {
  rewrites: async () => [{ source: '/tm/:path*', destination: `${process.env.TRAILMARK_PROXY}/tm/:path*` }],
};
