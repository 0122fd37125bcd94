#!/bin/sh
# Make a kernel of User-Mode Linux that the clusters run on: uml_kernel.sh SOURCES KERNEL
# SOURCES is a tree of Linux 6.19 or newer; that of Debian's linux-source-7.2 was tried.
# It needs gcc, make, flex, bison and bc.
set -e
here=$(dirname "$(realpath "$0")")
kernel=$(realpath "$2")
cd "$1"
# a kubelet ends where /proc/cpuinfo tells no clock
sed -i 's/"bogomips\\t: /"clock\\t: /' arch/um/kernel/um_arch.c
make -s ARCH=um defconfig
cat "$here/uml.config" >> .config
make -s ARCH=um olddefconfig
nice make -s -j"$(nproc)" ARCH=um linux
strip -o "$kernel" linux
