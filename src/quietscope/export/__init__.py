"""Trained models as files for other programs: ONNX, OpenVINO, torch.export, BioImage Model Zoo."""
