{
  'target_defaults': {
    'cflags': ['-O3', '-Wno-maybe-uninitialized', '-Wno-uninitialized'],
    'cflags_cc': ['-std=c++17', '-fno-exceptions', '-fno-rtti', '-ffp-contract=off'],
    'xcode_settings': {
      'GCC_OPTIMIZATION_LEVEL': '3',
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      'OTHER_CPLUSPLUSFLAGS': ['-ffp-contract=off', '-fno-exceptions', '-fno-rtti'],
    },
  },
  'conditions': [
    # One source, built once more for each set of instructions; the addon chooses when it is loaded.
    ['target_arch == "x64" and OS != "win"', {
      'targets': [
        {
          'target_name': 'kernel_avx2',
          'type': 'static_library',
          'sources': ['kernel.cpp'],
          'defines': ['KERNEL_TABLE=kernelAvx2'],
          'cflags': ['-mavx2', '-mfma'],
          'xcode_settings': {'OTHER_CFLAGS': ['-mavx2', '-mfma']},
        },
        {
          'target_name': 'kernel_avx512',
          'type': 'static_library',
          'sources': ['kernel.cpp'],
          'defines': ['KERNEL_TABLE=kernelAvx512'],
          'cflags': ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni'],
          'xcode_settings': {
            'OTHER_CFLAGS': [
              '-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mavx512vnni',
            ],
          },
        },
      ],
    }],
  ],
  'targets': [
    {
      'target_name': 'vector_kernel',
      'sources': ['addon.cpp', 'kernel.cpp'],
      'defines': ['KERNEL_TABLE=kernelPlain'],
      'conditions': [
        ['target_arch == "x64" and OS != "win"', {
          'defines': ['WITH_X64_BUILDS'],
          'dependencies': ['kernel_avx2', 'kernel_avx512'],
        }],
      ],
    },
  ],
}
