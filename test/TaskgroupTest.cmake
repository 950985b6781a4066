# What all test folders share: the libraries that tests link, the environment that sanitizers need, and
#
#   tg_add_check_test(<name> SOURCES <file>... LABELS <label>... [MATRIX | THREADS <number>...]
#                     [ENVIRONMENT <variable>=<value>...])
#
# which makes one executable of the Check suites in the sources and registers it with ctest: once, or
# with MATRIX once for each number of threads, with OpenMP's own cancellation off and on; or with THREADS once
# for each of these numbers, where cancellation says nothing.

# Check has a CMake package where it was built with CMake, and pkg-config's file everywhere.
find_package(check CONFIG QUIET)
if(NOT TARGET Check::check)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(check REQUIRED IMPORTED_TARGET check)
    add_library(Check::check ALIAS PkgConfig::check)
endif()

add_library(taskgroup_test INTERFACE)
target_link_libraries(taskgroup_test INTERFACE
    taskgroup::taskgroup Check::check OpenMP::OpenMP_C Threads::Threads)
if(CMAKE_CROSSCOMPILING) # what is built runs under CMAKE_CROSSCOMPILING_EMULATOR
    target_compile_definitions(taskgroup_test INTERFACE TEST_EMULATED=1)
endif()

# More threads than processors is one of the cases that must work. Sanitizers are slow and look for what
# the number of threads hardly changes.
set(TASKGROUP_TEST_THREADS 1 2 3 8)
if(TASKGROUP_SANITIZE)
    set(TASKGROUP_TEST_THREADS 2 8)
elseif(CMAKE_CROSSCOMPILING)
    set(TASKGROUP_TEST_THREADS 2) # an emulator is slower still
endif()
cmake_host_system_information(RESULT TASKGROUP_TEST_PROCESSORS QUERY NUMBER_OF_LOGICAL_CORES)
# No test asks ctest for more than one processor: many only wait, and beside others they see more.

# Generous, since the machine may be busy: what is caught here is a deadlock, not slowness. Check's own
# limit, 4 s a test function, is the finer one and is multiplied below.
set(TASKGROUP_TEST_TIMEOUT 400)
if(TASKGROUP_SANITIZE OR CMAKE_CROSSCOMPILING)
    set(TASKGROUP_TEST_TIMEOUT 900)
endif()

function(tg_add_check_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "MATRIX" "" "SOURCES;LABELS;THREADS;ENVIRONMENT")
    if(NOT arg_SOURCES OR NOT arg_LABELS OR arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "tg_add_check_test(${name}): SOURCES and LABELS, and nothing unknown")
    endif()
    add_executable(${name} ${arg_SOURCES})
    target_link_libraries(${name} PRIVATE taskgroup_test)
    if(NOT arg_MATRIX AND NOT arg_THREADS)
        add_test(NAME ${name} COMMAND ${name})
        set_tests_properties(${name} PROPERTIES
            TIMEOUT ${TASKGROUP_TEST_TIMEOUT} LABELS "${arg_LABELS}")
        return()
    endif()
    if(NOT arg_THREADS)
        set(arg_THREADS ${TASKGROUP_TEST_THREADS})
    endif()
    foreach(threads IN LISTS arg_THREADS)
        set(cancellations false true) # libgomp takes the words only, never 0 and 1
        if(NOT arg_MATRIX OR CMAKE_CROSSCOMPILING)
            set(cancellations false)
        endif()
        if(TASKGROUP_SANITIZE AND threads GREATER TASKGROUP_TEST_PROCESSORS)
            set(cancellations false) # the slowest; with 2 threads the address sanitizer tries both
        elseif(arg_MATRIX AND TASKGROUP_SANITIZE MATCHES "thread")
            set(cancellations true) # the thread sanitizer is slower still: each setting once
        endif()
        foreach(cancellation IN LISTS cancellations)
            set(case ${name}-${threads}-threads)
            if(cancellation)
                string(APPEND case -cancellation)
            endif()
            add_test(NAME ${case} COMMAND ${name})
            set_tests_properties(${case} PROPERTIES
                TIMEOUT ${TASKGROUP_TEST_TIMEOUT} LABELS "${arg_LABELS}"
                ENVIRONMENT "OMP_NUM_THREADS=${threads};OMP_CANCELLATION=${cancellation};${arg_ENVIRONMENT}")
        endforeach()
    endforeach()
endfunction()

# The compilers of the other languages that users have: the C++ one of the same kind as ours (gcc-12:
# g++-12, clang-19: clang++-19), any Fortran one. Empty if there is none; the project is C only.
get_filename_component(folder "${CMAKE_C_COMPILER}" DIRECTORY)
get_filename_component(name "${CMAKE_C_COMPILER}" NAME)
string(REGEX REPLACE "^(.*)clang(.*)$" "\\1clang++\\2" name "${name}")
string(REGEX REPLACE "^(.*)gcc(.*)$" "\\1g++\\2" name "${name}")
string(REGEX REPLACE "^cc$" "c++" name "${name}")
find_program(TASKGROUP_CXX_COMPILER NAMES "${name}" HINTS "${folder}" DOC "C++ compiler of the tests")
find_program(TASKGROUP_FORTRAN_COMPILER NAMES gfortran flang flang-new DOC "Fortran compiler of the tests")
mark_as_advanced(TASKGROUP_CXX_COMPILER TASKGROUP_FORTRAN_COMPILER)

# The environment of every test in this build, also of those that other folders register by add_test():
# ctest reads this file before it runs any. Who runs ctest can override each variable.
set(environment "CK_TIMEOUT_MULTIPLIER=20")
if(CMAKE_CROSSCOMPILING)
    set(environment "CK_TIMEOUT_MULTIPLIER=60")
elseif(TASKGROUP_SANITIZE)
    # A request for more memory than there is must answer NULL, as it does without sanitizers.
    set(environment
        "CK_TIMEOUT_MULTIPLIER=60"
        "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1"
        "UBSAN_OPTIONS=print_stacktrace=1")
    if(TASKGROUP_SANITIZE MATCHES "thread")
        # ThreadSanitizer does not see the hand-overs inside the OpenMP runtime. Archer, a tool that
        # libomp loads, tells it; it lies beside libomp. libgomp has nothing like it.
        get_filename_component(folder "${OpenMP_omp_LIBRARY}" DIRECTORY)
        find_library(TASKGROUP_ARCHER archer HINTS "${folder}")
        # Debian keeps llvm-symbolizer beside clang, outside of the path that is searched.
        get_filename_component(folder "${CMAKE_C_COMPILER}" REALPATH)
        get_filename_component(folder "${folder}" DIRECTORY)
        find_program(TASKGROUP_SYMBOLIZER llvm-symbolizer HINTS "${folder}")
        mark_as_advanced(TASKGROUP_ARCHER TASKGROUP_SYMBOLIZER)
        if(NOT OpenMP_omp_LIBRARY OR NOT TASKGROUP_ARCHER OR NOT TASKGROUP_SYMBOLIZER)
            message(FATAL_ERROR "-fsanitize=thread needs clang with libomp, its libarcher and llvm-symbolizer")
        endif()
        set(options
            ignore_noninstrumented_modules=1
            allocator_may_return_null=1
            exitcode=66
            atexit_sleep_ms=10 # not a second: each test function is a process of its own
            report_thread_leaks=0 # a pool whose own task has destroyed it ends beside the process
            "external_symbolizer_path=${TASKGROUP_SYMBOLIZER}" # to know the names in tsan.supp
            "suppressions=${CMAKE_CURRENT_LIST_DIR}/tsan.supp")
        list(JOIN options ":" options)
        list(APPEND environment "OMP_TOOL_LIBRARIES=${TASKGROUP_ARCHER}" "TSAN_OPTIONS=${options}")
    endif()
endif()
set(script "")
foreach(variable IN LISTS environment)
    string(REGEX MATCH "^([^=]+)=(.*)$" variable "${variable}")
    string(APPEND script
        "if(NOT DEFINED ENV{${CMAKE_MATCH_1}})\n    set(ENV{${CMAKE_MATCH_1}} \"${CMAKE_MATCH_2}\")\nendif()\n")
endforeach()
file(WRITE "${PROJECT_BINARY_DIR}/test-environment.cmake" "${script}")
set_property(DIRECTORY "${PROJECT_SOURCE_DIR}"
    APPEND PROPERTY TEST_INCLUDE_FILES "${PROJECT_BINARY_DIR}/test-environment.cmake")
