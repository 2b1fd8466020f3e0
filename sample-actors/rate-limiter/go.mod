module rate-limiter

go 1.24

require hydra-sdk v0.0.0

replace hydra-sdk => ../../guest-sdk/go
