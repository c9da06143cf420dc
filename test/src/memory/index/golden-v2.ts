/** The snapshot of `small()` in version 2, deflated: most of it is zeros. Never to be changed. */
export const GOLDEN_V2_DEFLATED = [
  '7dxPSBRRHAfw78zsH113azGkk7BJdLAIs6wMp30zYnQTQqVL0ZoiC2oHBU81GxKegroEQgftFIFEEiKdtCiIQqIugRBC',
  'hxCKbnUomnbct+s2mLvOiKB+P/B47jrv/eb92Vl3/e0a57raWjvaL6gANACqLBUA9gKIAIgBUAAEAUxh1cTFd9HxaN/9',
  '4KW3au1Azcv9z5c+tH69cRjbxJneLyMgIiIiIiIi2gX6U929/ZwGIiIiIiIioh0tXlRs27bjrvvypVoWJy+gVuYFpHsS',
  'DZG65bp0T+KYrBtlfULWTbI+KetTsj4t6+Z8+0JHKz0Nj6QH8TGBFPpxDYPoxUgqPTzE5SIiIiIiIiLyxHnNv97vlTWO',
  'd+4LF912Pi9QBSBUdDsmj3H3H/pPf1Vlng8RERERERERbdydscaugZ/j8zOXn4XrF1/b+yzbrq0eiKZnvl+1f9/+1TQ6',
  '+2b+/Wz37LfURPBpX7NzvFN+9E1+4uwRERERERER7T5q4f/3mhqVP8dKtKm2gr5ijr1I6RDnzXsynsw/0EJFOQrr6bRq',
  'fMUPjc63AB3Gsit+WH5fYimHrIiv+LfMSR2JRfPxv/GDzvgrt2T8hg50mO7xV5Y5/7DafcUPqDdbgGmxUBRfA7SY/IyK',
  'WqL9Hp/jb6u7qyPz0Hwgvz8zN35FU+T8a2vk0BQ7bh3xuf4HdAiYzptxARk/AEULyLFHSsS36js3Yf9fMf641r+qzP0n',
  'rIN+119H4pH52RU/IHONtDVyjjZ3/yk6MG0suOIH5f4Pl4h/FJav+K+6n7QAlcaUvN7k9r9S2P8VW3j9X833UtV8Hlds',
  'C+NXFJ6HlJX9V87117Is/49/DLVeV3L7PTduReFfA0RERLRzZZLAkgAyZz12IACRbY+kx+YCSBiA8Ng+k40/J3Lj8Cx7',
  'DhNJ7/MXz57/XNJHbAEs+Zi/lbEL7/MHA4gLH3vIWUPhff4cDWJ7Pn6ctc+XjfsL',
].join('');
