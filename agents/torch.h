// The part of LibTorch that fewstep uses, precompiled. Kept small: torch/torch.h costs half as
// much again to compile.
#pragma once

#include <torch/autograd.h>
#include <torch/types.h>
