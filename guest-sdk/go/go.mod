module hydra-sdk

go 1.24
