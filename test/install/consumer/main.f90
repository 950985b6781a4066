! SPDX-License-Identifier: MIT
! A program in Fortran: tasks are bind(C) functions, options are bind(C) types or c_null_ptr.
module consumer
    use, intrinsic :: iso_c_binding
    implicit none

    enum, bind(C)
        enumerator :: TG_OK = 0, TG_FAILED = 1
    end enum

    ! As in status.h. Library strings are read by their address.
    type, bind(C) :: tg_error
        integer(c_int) :: status
        integer(c_int) :: code
        integer(c_size_t) :: index
        integer(c_int64_t) :: id
        type(c_ptr) :: name
        type(c_ptr) :: message
    end type

    interface
        integer(c_int) function tg_map_run(count, function, items, stride, results, result_size, options) bind(C)
            import
            integer(c_size_t), value :: count, stride, result_size
            type(c_funptr), value :: function
            type(c_ptr), value :: items, results, options
        end function
        type(c_ptr) function tg_group_create(options) bind(C)
            import
            type(c_ptr), value :: options
        end function
        integer(c_int) function tg_group_add(group, function, arg) bind(C)
            import
            type(c_ptr), value :: group, arg
            type(c_funptr), value :: function
        end function
        integer(c_int) function tg_group_run(group) bind(C)
            import
            type(c_ptr), value :: group
        end function
        type(c_ptr) function tg_group_error(group) bind(C)
            import
            type(c_ptr), value :: group
        end function
        subroutine tg_group_destroy(group) bind(C)
            import
            type(c_ptr), value :: group
        end subroutine
        integer(c_int) function tg_task_fail_text(self, code, message) bind(C)
            import
            type(c_ptr), value :: self
            integer(c_int), value :: code
            character(kind=c_char), intent(in) :: message(*)
        end function
    end interface

contains

    ! Recursive, so that no local variable is shared by the threads.
    recursive integer(c_int) function square(self, arg, result) bind(C)
        type(c_ptr), value :: self, arg, result
        real(c_double), pointer :: x, y
        if (.not. c_associated(self)) error stop 1
        call c_f_pointer(arg, x)
        call c_f_pointer(result, y)
        y = x * x
        square = 0
    end function

    recursive integer(c_int) function refuse(self, arg, result) bind(C)
        type(c_ptr), value :: self, arg, result
        if (c_associated(arg) .or. c_associated(result)) error stop 2
        refuse = tg_task_fail_text(self, 33_c_int, "refused"//c_null_char)
    end function

end module

program main
    use consumer
    implicit none
    real(c_double), target :: x(5) = [1, 2, 3, 4, 5], y(5) = 0
    character(kind=c_char), pointer :: message(:)
    type(tg_error), pointer :: error
    type(c_ptr) :: group

    if (tg_map_run(5_c_size_t, c_funloc(square), c_loc(x), 8_c_size_t, c_loc(y), 8_c_size_t, &
            c_null_ptr) /= TG_OK) error stop 3
    if (any(y /= x**2)) error stop 4

    group = tg_group_create(c_null_ptr)
    if (tg_group_add(group, c_funloc(refuse), c_null_ptr) /= TG_OK) error stop 5
    if (tg_group_run(group) /= TG_FAILED) error stop 6
    call c_f_pointer(tg_group_error(group), error)
    call c_f_pointer(error%message, message, [7])
    if (error%code /= 33 .or. any(message /= ["r", "e", "f", "u", "s", "e", "d"])) error stop 7
    call tg_group_destroy(group)
    print '(a)', "Fortran: 5 squares and one refusal"
end program
