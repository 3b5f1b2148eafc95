// SPDX-License-Identifier: MIT
// Everything that runs without an operating system, but no format: include pagewright/formats/... for those you need.
#pragma once

#include "address.hpp"
#include "backing.hpp"
#include "bits.hpp"
#include "copy.hpp"
#include "duty.hpp"
#include "entry.hpp"
#include "format.hpp"
#include "frames.hpp"
#include "handle.hpp"
#include "ledger.hpp"
#include "memory.hpp"
#include "page.hpp"
#include "print.hpp"
#include "rights.hpp"
#include "space.hpp"
#include "sweep.hpp"
#include "walk.hpp"
#include "windows.hpp"
