module demo.local/toolchain/traffic

go 1.26.0
