# SPDX-License-Identifier: Apache-2.0
"""The measuring part of scripts/bench, which see."""
