/** The snapshot of `small()` in version 3, deflated: most of it is zeros. Never to be changed. */
export const GOLDEN_V3_DEFLATED = [
  '7dxPSBRRHAfw78zsv9bdWjakLsIq1kEiTLMSnHZmxPAmhH+6FK0psqCGKHiKMST2FNRFEDpopwgkhBCJDm5R0B9E6hIIJXQQD9Gt',
  'DkXTjvt2nR1NdDyZ3w883s7u+7037/dmF3b37eqXOlua29suKwDsIosSAnAEQBhAFIAEwA9gBhumrixFJiN9D/xX38sVA+Wvjr1Y',
  '+ThxPPoc+0Q23rEKIiIiIiIiogOgP9Xd2880EBEREREREf3XYo5iWZYVc91XKHFR7H0BFWJfQLonURuuWqtK9yTOiLpO1GdF3SDq',
  'c6I+L+oLom4sxBc7Wu9pZDQ9iE8JpNCPmxhEL0ZT6ZFhLhcRERERERGRJ/Z7/u0el7Zob98XdBzbvxcoAxBwHEdFG3f/gX/0V7bD',
  '8yEiIiIiIiKi3buXqesc+DmZnbv2LFiz/MY6alpWRXwgkp77fsP6ffdXw/j8u+yH+e75b6kp/9O+Rru9XX70TX9m9oiIiIiIiIj2',
  'P7n4fbwiR8TtqHgsbvpL2mZeptQ5tdWYEO3EPgAl4NgrYOswy0viAuPZpvqhdn3NFRcU/zdYcNIMl8TdMabV1hPLxpPSOL893qFt',
  'x9PV+qF2Y6vxnHEw20rifPLtpq7MrLboiFMAJSp+CyGLdodd47VU3VdXex8ZD8X/K+bHkxRJjKeIPRb15inX/CrV6koY9ocsPhHn',
  'g6TI4jgs4syajk35VPTr+h/X/Mpc89PMavf8VPPtY+OrK84n9mwohb0bm/IiqV2ZWX3RFecX6x4UcadhlsS97p5tWvoS0mfEOufz',
  'KRXzGdrB9bmxv0SWC/tGojuICxWvb2k9L87rzDTNTesnY7j5lpTPX34cSeKrAxERERERHTxjSWBFA8YueuxAA7RcPJIewzUgoQOa',
  'x/ix3PgLWn4enuXOYSrpPX+x3PkvJPcwtgas7CF/63PXvOcPOhDT9nAN2Wuoec+frVbbn88fe+0LZff+Ag==',
].join('');
