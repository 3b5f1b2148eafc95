# SPDX-License-Identifier: MIT
# cmake -D NM=nm -D READELF=readelf -D OBJDUMP=objdump -D FILE=kernel -D GENERAL_REGISTERS=ON|OFF -P inspect.cmake
# Fails when the program leans on anything a bare machine does not have.

function(report what lines)
  if(NOT lines STREQUAL "")
    message(FATAL_ERROR "${FILE} ${what}:\n${lines}")
  endif()
endfunction()

execute_process(COMMAND "${NM}" -C --undefined-only "${FILE}" OUTPUT_VARIABLE undefined COMMAND_ERROR_IS_FATAL ANY)
report("has undefined symbols" "${undefined}")

execute_process(COMMAND "${NM}" "${FILE}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]*(__cxa_|__gxx_personality|_Unwind_|_ZT[ISV]|_ZSt[0-9]+__throw)[^\n]*" runtime "${symbols}")
report("contains exceptions, RTTI, virtual tables or guarded statics" "${runtime}")
if(NOT symbols MATCHES " T _start")
  message(FATAL_ERROR "${FILE} has no _start")
endif()

execute_process(COMMAND "${READELF}" -S -W "${FILE}" OUTPUT_VARIABLE sections COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]*(\\.init_array|\\.ctors|\\.gcc_except_table|\\.eh_frame|\\.tdata|\\.tbss|\\.dynamic)[^\n]*" extra "${sections}")
report("has sections that need a runtime (static constructors, unwinding, threads, a dynamic linker)" "${extra}")

if(GENERAL_REGISTERS)
  execute_process(COMMAND "${OBJDUMP}" -d "${FILE}" OUTPUT_VARIABLE code COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]*%([xyz]mm[0-9]|mm[0-7]|st\\(|st[^a-z0-9])[^\n]*" vector "${code}")
  report("touches floating-point or vector registers" "${vector}")
endif()
