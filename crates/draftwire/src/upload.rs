//! `draftwire upload`: files to a running ingest service.

use std::process::ExitCode;

use client::{ClientError, UploadOptions, UploadResult};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::UploadArgs;
use crate::report::{figure, line};

/// One file a request, so that progress can be shown and a broken line costs one file.
pub(crate) async fn run(args: &UploadArgs) -> anyhow::Result<ExitCode> {
    let client = args.service.client()?;
    let options = UploadOptions {
        client_code: args.client.clone(),
        project_code: args.project.clone(),
        wait_seconds: (!args.wait).then_some(0),
        ..UploadOptions::default()
    };
    let bar = ProgressBar::new(args.files.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
    let mut all_well = true;
    for path in &args.files {
        bar.set_message(path.display().to_string());
        match client.upload(&[path], &options).await {
            Ok(results) => {
                for result in results {
                    all_well &= result.success && result.error.is_none();
                    bar.suspend(|| print(&result, args.json))?;
                }
            }
            // The next ones would fare no better.
            Err(cause @ ClientError::Unreachable { .. }) => {
                bar.finish_and_clear();
                return Err(cause.into());
            }
            Err(cause) => {
                all_well = false;
                bar.suspend(|| eprintln!("{}: {cause}", path.display()));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(ExitCode::from(u8::from(!all_well)))
}

fn print(result: &UploadResult, json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string(result)?)?;
        return Ok(());
    }
    let id = result
        .ingest_id
        .map_or_else(String::new, |id| format!("#{id} "));
    let said = match (&result.error, &result.metadata) {
        (Some(error), _) => error.clone(),
        (None, Some(facts)) => {
            let thickness = facts.thickness_mm.map(|mm| format!("{} mm", figure(mm)));
            let quantity = facts.quantity.map(|quantity| format!("x{quantity}"));
            [
                facts.part_name.clone(),
                facts.material.clone(),
                thickness,
                quantity,
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ")
        }
        (None, None) => "taken in".to_owned(),
    };
    line(format!("{id}{}: {said}", result.filename))?;
    Ok(())
}
