// Everything a program built on Penstock needs.
#pragma once

#include <penstock/application.hpp>
#include <penstock/pipeline.hpp>
#include <penstock/pipeline_manager.hpp>
#include <penstock/running_fold.hpp>
#include <penstock/store.hpp>
#include <penstock/stream_pipeline.hpp>
#include <penstock/value.hpp>
#include <penstock/version.hpp>
#include <penstock/worker.hpp>
