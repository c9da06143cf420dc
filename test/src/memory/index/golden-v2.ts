/** The snapshot of `small()` in version 2, deflated: most of it is zeros. Never to be changed. */
export const GOLDEN_V2_DEFLATED = [
  '7dxPSBRRHAfw78zsv9bdWgwJAmEV6yARplkJTjuzYngTwj91KFpTZEENUfAUY0jsKahLIHTQTlFYCSHSSYuC/iBSl0AooYMYRLc6',
  'FE077tt1WzZ3nQlB/X7g8Zx13vvN+7Oz/vnt6mc6mpvaWs/KABQAsig+APsA+AEEAUgA3ACmsG7i3GJgPNB7x33hrVzeX/biwLPl',
  '9wdlPMQ28fjB+S8gIiIiIiIi2gX6Yl09fZwGIiIiIiIioh0tlFVM0zRDOY+lS6koVl5AucgLiHeHa/yVq5Xx7vAxUdeK+rio60V9',
  'QtQnRX1K1A3p9pmO1noaHokP4EMYMfThCgbQg5FYfHiIy0VERERERERki/U7/0bfl/Kcbz3mzTq23i9QAsCTdRwU5+T27/lHfyVF',
  'Xg8RERERERERbd7NRG1H/4/x+ZmLT73VS6/M/YZplpf2B+Iz3y6bv278rB+bfTP/brZr9mtswv2kt8E63yrfeyc/cvaIiIiIiIiI',
  'dh858/97RQ6Ir4MF2pQabkcxE89j6ozaEr0t4on8A8WTlaOwkXajzFF8z9h8Y91gm76aE98rPi+xkMOG31H869FJteXQUvTR3/Hd',
  '1vj3bMn4dbVusC2ab/zFxIfR6ii+S77W2JmY1hay4iuAEhTvUZELtN/rcPzNlbfUlZ570bvi8zNT45cUSYxfyZNDk63OOOJw/SvU',
  'qgpErT/GuUR8FyRFFsf+AvGN6nbH+1/RL+m/c9a/pMj114wqp+uvGq/vRz/nxHeJXCMlT87R/91/ktqZmNYXcuK7xf3HWyD+URiO',
  '4r/smm5c/OTTp8T9JrX/pcz+923h/X8930uW03lcwS2M78u8Dklr+6+Y+69hGI6f/zKGmq5Kqf2eGrck8acBIiIi2rlGI8CyBoye',
  'ttmBBmjJ9ojYbK4BYR3QbLYfTcaf01LjsC15DRMR+/MXSl7/XMRBbA1YdjB/a2PX7M8fdCCkOdhD1hpq9ufPUqNtz+ePtfbpsnl/',
  'AA==',
].join('');
