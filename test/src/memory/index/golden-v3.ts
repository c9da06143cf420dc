/** The snapshot of `small()` in version 3, deflated: most of it is zeros. Never to be changed. */
export const GOLDEN_V3_DEFLATED = [
  '7dxNSBRhGAfw/8zsuuu6W4shnYRVrINEmGYlOO3MiuFNCD+69LGmyIIaouApxpDYU1CXQOigniKQEEKkkxYGfSBSl0AooUN4iG4V',
  'FU07s8+u22KSIwTW/wcvj7PzzLPvPDN7WPfdNc90tbZ0tJ/VADhDlREEsB9ACEAEgALAD2AWm6bOrYYnw/13/OdfqJWDFcsHH62/',
  '+rKcGsMe8bV05iKIiIiIiIiI/gMDyZ6+AbaBiIiIiIiI6J8WLRi2bdvRosdyo1yGsy6gUtYFpHpjdaHqjepUb+yYxHqJxyU2Sjwh',
  '8aTEUxKbcsfnC7mVRsdSQ3gdQxIDuIIh9GEsmRod4eUiIiIiIiIi8sR5z7/dfmWLfOexQMG2832BMgAlBdsRySmuX/KbemV/OB8i',
  'IiIiIiIi2rmb6fquwc+TS/MXHgZq157aByzbriwfDKfmP162v9/41jix8Hzp5ULPwofklP9Bf5OT74xP/dNv2D0iIiIiIiKivUvN',
  'fw6vqWH5OyL7yi2/G9OPk/q83pa4Lfvlc3+tpGBtgKPTqnBjycRSc8Nwh7lRlB+Q3xXMOWyF3Hg9Ma23HVpL3P813+/UL92yvqk3',
  'DHcktqpfmA+r3Q0+9Vpzd3rOWCnI1wAtIt9tUCV9n9Rvrb6lv++7m5iR30nM1lc0ReprslaiwToi86/Sa6qQcP5J4pN8HxRNle2Q',
  '5Fu1nfn+aOYl80fR/MuK5m9YNbn569aze4l3Rfk+WWOh5dZa5M9X0bvTc+ZKUb5frldA8o/CcvOf9Mw1r74NmrNyfbL9UfL9CW5z',
  '/2yu+1DV3HqOyDb5wfx9p7jnW3g/WJaV77+KkZarSrYf2bqKwlcrERERERHR3zIeB9YNYPy0xwIGYGSOR9zj4QYQMwHD4/Hjmedf',
  'NLLn4VlmDlNx7/2LZua/GN/FcxvA+i7655674b1/MIGosYt7yLmGhvf+OeqMvfn6ca59buzcTw==',
].join('');
